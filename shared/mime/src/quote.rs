//! Where the quoted history of a reply begins.

/// Words that begin the line before a quote, and words in that line that say that somebody wrote: in English, German,
/// French, Spanish, Italian, Portuguese and Dutch, as Gmail, Apple Mail, Outlook and Yahoo have them.
const ATTRIBUTIONS: [(&[&str], &[&str]); 7] = [
    (&["on "], &["wrote"]),
    (&["am ", "on "], &["schrieb"]),
    (&["le "], &["a écrit"]),
    (&["el "], &["escribió"]),
    (&["il ", "in data "], &["ha scritto"]),
    (&["em ", "a "], &["escreveu"]),
    (&["op "], &["schreef"]),
];
/// Words that Outlook writes between dashes above the mail that it quotes.
const SEPARATORS: [&str; 9] = [
    "original message",
    "ursprüngliche nachricht",
    "originalnachricht",
    "message d'origine",
    "message original",
    "mensaje original",
    "messaggio originale",
    "mensagem original",
    "oorspronkelijk bericht",
];
/// Words above a mail that is forwarded.
const FORWARDS: [&str; 7] = [
    "forwarded message",
    "weitergeleitete nachricht",
    "message transféré",
    "mensaje reenviado",
    "messaggio inoltrato",
    "mensagem encaminhada",
    "doorgestuurd bericht",
];
/// The first field of the header that Outlook quotes, and the ones with its date, in the same languages.
const FROM: [&str; 5] = ["from", "von", "de", "da", "van"];
const SENT: [&str; 13] = [
    "sent",
    "date",
    "gesendet",
    "datum",
    "envoyé",
    "enviado",
    "enviado el",
    "fecha",
    "inviato",
    "data",
    "enviada",
    "enviada em",
    "verzonden",
];
/// The most lines of one attribution: long names and addresses are wrapped.
const LONGEST_ATTRIBUTION: usize = 4;
/// The most lines in which the fields of a quoted header stand.
const LONGEST_HEADER: usize = 8;

/// The place in characters from which on a reply repeats earlier mails: the line that says who wrote them, or the first
/// quoted line. `None` when there is no such place, when words follow the quote, and when nothing stands before it, as in
/// a mail that is forwarded.
pub(crate) fn quote_starts_at(text: &str) -> Option<usize> {
    let lines: Vec<&str> = text.lines().collect();
    let start = (0..lines.len()).find(|at| begins_quote(lines.get(*at..).unwrap_or_default()))?;
    let before = lines.get(..start)?;
    if before.iter().all(|line| line.trim().is_empty()) || before.iter().any(|line| is_forward(line)) {
        return None;
    }
    Some(before.iter().map(|line| line.chars().count() + 1).sum())
}

/// Whether the rest of a mail is the quoted history.
fn begins_quote(rest: &[&str]) -> bool {
    is_separator(rest)
        || is_header(rest)
        || attribution(rest).is_some_and(|length| follows(rest, length))
        || is_quoted(rest)
}

/// Behind an attribution stands a quote to the end, or, as Yahoo and Outlook have it, the bare text.
fn follows(rest: &[&str], length: usize) -> bool {
    let quote = rest.get(length..).unwrap_or_default();
    match quote.iter().find(|line| !line.trim().is_empty()) {
        Some(first) if first.starts_with('>') => all_quoted(quote),
        Some(_) => true,
        None => false,
    }
}

/// Whether a quote begins here and goes on to the end.
fn is_quoted(rest: &[&str]) -> bool {
    rest.first().is_some_and(|first| first.starts_with('>')) && all_quoted(rest)
}

fn all_quoted(rest: &[&str]) -> bool {
    rest.iter().filter(|line| !line.trim().is_empty()).all(|line| line.starts_with('>'))
}

/// Whether a mail that is forwarded begins here: it is news, and no history.
fn is_forward(line: &str) -> bool {
    let line = line.trim().to_lowercase();
    (line.starts_with("--") || line.ends_with(':')) && FORWARDS.iter().any(|words| line.contains(words))
}

/// The number of lines of the attribution at the beginning.
fn attribution(rest: &[&str]) -> Option<usize> {
    let first = rest.first()?.trim_start().to_lowercase();
    let mut said = String::new();
    for (index, line) in rest.iter().take(LONGEST_ATTRIBUTION).enumerate() {
        let line = line.trim();
        if line.is_empty() {
            return None;
        }
        said.push_str(&line.to_lowercase());
        said.push(' ');
        if line.ends_with(':') {
            let has_date = said.chars().any(|c| c.is_ascii_digit()) || said.contains('@');
            let is_known = ATTRIBUTIONS.iter().any(|(starts, verbs)| {
                starts.iter().any(|start| first.starts_with(start))
                    && verbs.iter().any(|verb| said.contains(verb))
            });
            return (has_date && is_known).then_some(index + 1);
        }
    }
    None
}

fn is_separator(rest: &[&str]) -> bool {
    let Some(line) = rest.first().map(|line| line.trim().replace('’', "'").to_lowercase()) else {
        return false;
    };
    let words = line.trim_matches(|c| c == '-' || c == ' ');
    line.starts_with("--") && line.ends_with("--") && SEPARATORS.contains(&words)
}

/// Whether the header of a mail begins here, with or without the rule that Outlook draws above it.
fn is_header(rest: &[&str]) -> bool {
    let is_rule = |line: &&str| line.len() >= 10 && line.chars().all(|c| c == '_' || c == '-');
    let skipped = usize::from(rest.first().is_some_and(is_rule));
    let fields = rest.get(skipped..).unwrap_or_default();
    let name = |line: &&str| {
        let name = line.trim().trim_matches('*').split(':').next().unwrap_or_default();
        line.contains(':').then(|| name.trim().trim_matches('*').to_lowercase())
    };
    let first = fields.first().and_then(name);
    let names: Vec<String> = fields
        .iter()
        .take(LONGEST_HEADER)
        .take_while(|line| !line.trim().is_empty())
        .filter_map(name)
        .collect();
    first.is_some_and(|first| FROM.contains(&first.as_str()))
        && names.len() >= 3
        && names.iter().any(|name| SENT.contains(&name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The part of a text before its quoted history.
    fn folded(text: &str) -> String {
        match quote_starts_at(text) {
            Some(at) => text.chars().take(at).collect::<String>().trim_end().to_owned(),
            None => text.to_owned(),
        }
    }

    #[test]
    fn the_history_of_common_programs_is_found() {
        for history in [
            // Gmail
            "On Mon, Feb 2, 2026 at 9:00 AM Clinic <clinic@example.com> wrote:\n\n> Does ten work?\n>\n> Clinic",
            "On Mon, Feb 2, 2026 at 9:00 AM Clinic of the Long Name\n<clinic@example.com> wrote:\n\n> Does ten work?",
            "Am Mo., 2. Feb. 2026 um 09:00 Uhr schrieb Praxis <praxis@example.com>:\n\n> Passt zehn Uhr?",
            "Le lun. 2 févr. 2026 à 09:00, Cabinet <cabinet@example.com> a écrit :\n\n> Dix heures ?",
            "El lun, 2 feb 2026 a las 9:00, Clínica (<clinica@example.com>) escribió:\n\n> ¿A las diez?",
            "Il giorno lun 2 feb 2026 alle ore 09:00 Studio <studio@example.com> ha scritto:\n\n> Alle dieci?",
            "Em seg., 2 de fev. de 2026 às 09:00, Clínica <clinica@example.com> escreveu:\n\n> Às dez?",
            "Op ma 2 feb 2026 om 09:00 schreef Praktijk <praktijk@example.com>:\n\n> Tien uur?",
            // Apple Mail
            "On 2 Feb 2026, at 09:00, Clinic <clinic@example.com> wrote:\n\n> Does ten work?\n> \n> > Before",
            "Am 02.02.2026 um 09:00 schrieb Praxis <praxis@example.com>:\n> Passt zehn Uhr?",
            // Yahoo
            "On Monday, February 2, 2026 at 09:00:00 AM PST, Clinic <clinic@example.com> wrote:\n\nDoes ten work?",
            // Outlook
            "-----Original Message-----\nFrom: Clinic\nSent: Monday\n\nDoes ten work?",
            "-----Ursprüngliche Nachricht-----\nVon: Praxis\n\nPasst zehn Uhr?",
            "-----Message d’origine-----\nDe : Cabinet\n\nDix heures ?",
            "________________________________\nFrom: Clinic <clinic@example.com>\nSent: Monday, February 2, 2026 9:00 AM\nTo: Ann\nSubject: Visit\n\nDoes ten work?",
            "From: Clinic <clinic@example.com>\nDate: Monday\nTo: Ann\nSubject: Visit\n\nDoes ten work?",
            "Von: Praxis <praxis@example.com>\nGesendet: Montag, 2. Februar 2026 09:00\nAn: Ann\nBetreff: Termin\n\nPasst zehn Uhr?",
            "De : Cabinet <c@example.com>\nEnvoyé : lundi 2 février 2026 09:00\nÀ : Ann\nObjet : Visite\n\nDix heures ?",
            "De: Clínica <c@example.com>\nEnviado: lunes, 2 de febrero de 2026 9:00\nPara: Ann\nAsunto: Visita\n\n¿A las diez?",
            "Da: Studio <s@example.com>\nInviato: lunedì 2 febbraio 2026 09:00\nA: Ann\nOggetto: Visita\n\nAlle dieci?",
            "*From:* Clinic <clinic@example.com>\n*Sent:* Monday, February 2, 2026\n*To:* Ann\n\nDoes ten work?",
            // others
            "> Does ten work?\n> Clinic",
        ] {
            assert_eq!(
                folded(&format!("Yes, at ten.\n\nAnn\n\n{history}")),
                "Yes, at ten.\n\nAnn",
                "{history}"
            );
        }
    }

    #[test]
    fn a_text_without_history_stays_whole() {
        for text in [
            "",
            "Yes, at ten.",
            "On Monday I wrote:\nnothing",
            "He said on the phone: yes\nFrom: here\nto there: fine",
            "> Does ten work?\n\nYes.\n\n> Or nine?\n\nNo.",
            "On Mon, Feb 2, 2026 at 9:00 AM Clinic <clinic@example.com> wrote:\n\n> Does ten work?\n\nYes, below the quote.",
            "---------- Forwarded message ---------\nFrom: Lab\nDate: Monday\nSubject: Results\nTo: Ann\n\nAll fine.",
            "> only a quote",
            "-----Original Message-----\nFrom: Clinic\nSent: Monday\nTo: Ann\n\nforwarded without a word",
            "a -- b\n-- \nAnn",
        ] {
            assert_eq!(quote_starts_at(text), None, "{text}");
        }
    }

    #[test]
    fn the_place_counts_characters() {
        let text = "Grüße 😂\n\n> Does ten work?";
        let at = quote_starts_at(text).expect("a quote");
        assert_eq!(text.chars().skip(at).collect::<String>(), "> Does ten work?");
    }
}
