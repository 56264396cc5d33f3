//! A tour of the running system, as commands that can be pasted into a shell.

use serde_json::{Value, json};

use crate::ready::Ready;
use crate::seed::{GUIDE, NUMBER, SUBDOMAIN};

/// Somebody to text with. The numbers are of a range that is set aside for fiction.
const ANA: (u64, &str) = (501, "+14155550123");
/// Where Ana reads mail.
const MAILBOX: &str = "ana.silva@example.com";
const BEN: (u64, &str) = (502, "+14155550124");

/// The parts of the tour.
const TEXTS: &str = "Texts";
const MAIL: &str = "Mail";
const INBOX: &str = "The inbox";
const CALLS: &str = "Calls";
const CALLERS: &str = "Keys and sessions";
const OTHERS: &str = "Clients of other systems";
const SETUP: &str = "Another business";

/// The business that the tour sets up: its number, its domain, its id.
const GYM: (u64, &str, &str) = (2002, "+14155550177", "gym.example");

/// One thing to try.
#[derive(Clone, Debug)]
pub struct Step {
    /// Which part of the tour it is in.
    pub part: &'static str,
    /// What it shows.
    pub title: &'static str,
    /// What to paste. It depends on what the steps before it did, but not on variables or directories.
    pub command: String,
}

/// The tour through a runner with the stand-in for Twilio.
pub fn steps(ready: &Ready) -> Vec<Step> {
    let shell = Shell { ready, business: format!("{}/businesses/{}", ready.base_url, ready.business_id) };
    let mut steps = texts(&shell);
    steps.extend(mail(&shell));
    if ready.has_inbox {
        steps.extend(inbox(&shell));
    }
    steps.extend(calls(&shell));
    steps.extend(callers(&shell));
    if ready.has_inbox {
        steps.extend(others(&shell));
    }
    steps.extend(setup(&shell));
    steps
}

fn from(client: (u64, &str), body: &str) -> Value {
    json!({"from": client.1, "to": NUMBER, "body": body})
}

/// What a program does.
fn texts(shell: &Shell<'_>) -> Vec<Step> {
    let ready = shell.ready;
    let step = |title, command| Step { part: TEXTS, title, command };
    let text = |to: (u64, &str), message| {
        let messages = [json!({"client_id": to.0, "to_phone_number": to.1, "message": message})];
        json!({"category": "conversation", "sender_type": "staff", "staff_id": GUIDE, "messages": messages})
    };
    let last = |path: &str| {
        let id = shell.get(&format!("/clients/{}", ANA.0));
        let message = format!("/messages/$({id} | sed 's/.*\"last_message_id\":\\([0-9]*\\).*/\\1/'){path}");
        shell.get(&message)
    };
    let hello = text(ANA, "Hi Ana, does Tuesday at nine work for you?");
    let busy = json!({"to": BEN.1, "answers": [{"status": 429}]});
    vec![
        step("Is it up?", format!("curl -s {}/health", ready.base_url)),
        step(
            "Introduce a client",
            shell.call(
                "PUT",
                &format!("/clients/{}", ANA.0),
                &json!({"client_name": "Ana Silva", "client_phone_number": ANA.1}),
            ),
        ),
        step(
            "Count the segments of a text before sending it",
            shell.post("/sms/preview", &json!({"message": "See you at 9 ☀"})),
        ),
        step("Queue a text to her", shell.post("/sms/send", &hello)),
        step("See what became of it", until(&last(""), "\"status\":\"delivered\"")),
        step("See how it got there", last("/events")),
        step("Read what the stand-in for Twilio got", shell.fake_get("messages")),
        step("Answer as Ana", shell.fake("clients/send", &from(ANA, "Tuesday is fine!"))),
        step("See her answer: one unread message", shell.get(&format!("/clients/{}", ANA.0))),
        step(
            "Make the same call twice: one text, one answer",
            format!(
                "for call in 1 2; do {} -H 'Idempotency-Key: tour-1'; echo; done",
                shell.post("/sms/send", &text(ANA, "See you on Tuesday, then."))
            ),
        ),
        step("Let Twilio be too busy for the next text to Ben", shell.fake("script", &busy)),
        step("Send him one", shell.post("/sms/send", &text(BEN, "Hi Ben, your order is ready."))),
        step(
            "See Twilio refuse it once and take it a moment later",
            until(
                &format!("curl -s {}/fake/requests | tr '{{' '\\n' | grep '{}'", ready.twilio_url, BEN.1),
                "\"status\":201",
            ),
        ),
        step("Let Ben opt out", shell.fake("clients/send", &from(BEN, "STOP"))),
        step("See that he gets no more texts", shell.post("/sms/send", &text(BEN, "Are you there?"))),
        step("Let him come back", shell.fake("clients/send", &from(BEN, "START"))),
    ]
}

/// What a program does with mail, and a mail program with it.
fn mail(shell: &Shell<'_>) -> Vec<Step> {
    let ses = &shell.ready.ses_url;
    let step = |title, command| Step { part: MAIL, title, command };
    let map = json!({
        "filename": "how to find us.txt",
        "content_type": "text/plain",
        "content": "U2Vjb25kIGZsb29yLCByaW5nIHR3aWNlLg==",
    });
    let message = json!({
        "client_id": ANA.0,
        "to_email": MAILBOX,
        "subject": "Your first visit",
        "message": "Tuesday at nine. We look forward to it!",
        "html": "<p>Tuesday at <b>nine</b>. We look forward to it!</p>",
        "attachments": [map],
    });
    let mail = json!({"category": "conversation", "sender_type": "staff", "messages": [message]});
    let fake = |what: &str, body: &Value| format!("curl -s {ses}/fake/{what} -d {}", quoted(body));
    vec![
        step("Queue a mail to Ana, with an attachment", shell.post("/email/send", &mail)),
        step(
            "See it in the stand-in's mailbox, which a browser shows as well",
            until(
                &format!(
                    "curl -s {ses}/fake/mails | grep -oE '\"(from|subject|original_message_id)\":\"[^\"]*\"'"
                ),
                "Your first visit",
            ),
        ),
        step("Answer it as Ana", fake("reply", &json!({"id": "newest", "text": "Can I bring my dog?"}))),
        step(
            "See texts and mails in one conversation, newest first",
            until(
                &format!(
                    "{} | grep -oE '\"(channel|subject|message|status)\":\"[^\"]*\"'",
                    shell.get(&format!("/conversations/{}/messages?page_size=3", ANA.0))
                ),
                "bring my dog",
            ),
        ),
        step(
            "Let her mailbox vanish",
            fake("events", &json!({"id": "newest", "event": "Bounce", "bounce_type": "Permanent"})),
        ),
        step(
            "See that it gets no mail any more, and why",
            until(&shell.get(&format!("/email/suppressions?email={MAILBOX}")), "\"suppressed\":true"),
        ),
        step(
            "Let it in again, because somebody says why",
            shell.post("/email/suppressions/remove", &json!({"email": MAILBOX, "reason": "She is back."})),
        ),
    ]
}

/// What staff do.
fn inbox(shell: &Shell<'_>) -> Vec<Step> {
    let step = |title, command| Step { part: INBOX, title, command };
    let ana = |path: &str| format!("/conversations/{}{path}", ANA.0);
    let only =
        |fields: &str, path: &str| format!("{} | grep -oE '\"{fields}\":(\"[^\"]*\"|null)'", shell.get(path));
    let note = json!({"note": "Prefers mornings.", "staff_id": GUIDE});
    vec![
        step("See what is in it: every filter, with counts", shell.get("/conversations/filters")),
        step(
            "List what is open and unread, newest first",
            only(
                "(client_name|last_message_content)",
                "/conversations?status=open&message_filter=unread&page_size=6",
            ),
        ),
        step(
            "Find people by the beginning of a name, with or without accents",
            only("client_name", "/conversations?search=zoe"),
        ),
        step("Give Ana's conversation to Noor", shell.order(&ana(&format!("/assign?staff_id={GUIDE}")))),
        step("Leave a note that no client ever sees", shell.post(&ana("/notes"), &note)),
        step(
            "Mark as read what Ana wrote",
            shell.post("/messages/status", &json!({"conversation_id": ANA.0})),
        ),
        step(
            "Put the conversation off for long",
            shell.order(&ana("/status?status=snoozed&snoozed_until=2099-01-01T09:00:00Z")),
        ),
        step(
            "Let Ana write: it comes back",
            shell.fake("clients/send", &from(ANA, "Could we make it Tuesday at ten?")),
        ),
        step("Resolve it", shell.order(&ana("/status?status=resolved"))),
        step("See who changed what, and why", shell.get(&ana("/history"))),
        step(
            "Find what was said about Tuesday",
            shell.get(&ana("/messages/search?query=tuesday&page_size=1")),
        ),
    ]
}

/// What phones and browsers do.
fn calls(shell: &Shell<'_>) -> Vec<Step> {
    let step = |title, command| Step { part: CALLS, title, command };
    let rings = json!({"from": ANA.1, "to": NUMBER, "script": ["no-answer"]});
    let guide = format!("client:b{}_s{GUIDE}", shell.ready.business_id);
    let talks = json!({"from": guide, "to": ANA.1, "script": [{"answers": 42}]});
    let dialled = |call: &Value| format!("{} | grep -oE '\"legs\":[^]]*'", shell.fake("calls", call));
    let newest = |fields: &str| {
        let newest = shell.get(&format!("/conversations/{}/messages?page_size=1", ANA.0));
        format!("{newest} | grep -oE '\"({fields})\":(\"[^\"]*\"|[a-z0-9]+)'")
    };
    vec![
        step("Let Ana call: it rings in Noor's browser, and nobody answers", dialled(&rings)),
        step("See the missed call, unread", newest("channel|direction|is_read|result")),
        step("Call her back from the browser: she answers", dialled(&talks)),
        step("See how long they talked", newest("channel|direction|is_read|result|duration_seconds")),
    ]
}

/// What callers show, and how it ends.
fn callers(shell: &Shell<'_>) -> Vec<Step> {
    let (ready, step) = (shell.ready, |title, command| Step { part: CALLERS, title, command });
    let at = |path: &str, body: &Value| {
        let key = format!("-H 'X-API-KEY: {}' -H 'Content-Type: application/json'", ready.api_key);
        format!("curl -s {}{path} {key} -d {}", ready.base_url, quoted(body))
    };
    let person = json!({"business_id": ready.business_id, "wl_user_id": GUIDE, "staff_id": GUIDE});
    let token =
        format!("$({} | sed 's/.*\"access_token\":\"\\([^\"]*\\).*/\\1/')", at("/auth/token", &person));
    let by_cookie = |method: &str, path: &str, more: &str| {
        format!("curl -s -X {method} '{}{path}' -b \"session={token}\"{more}", shell.business)
    };
    let label = format!("/conversations/{}/label?label=regular", ANA.0);
    let page = ready.base_url.trim_end_matches("/omega");
    vec![
        step(
            "Make a second key, to go over to it",
            shell.post("/api-keys", &json!({"name": "Booking system"})),
        ),
        step("List the keys, and when they were used", shell.get("/api-keys")),
        step("Sign Noor in", at("/auth/token", &person)),
        step("Ask for something as Noor, with the cookie of a browser", by_cookie("GET", "/locations", "")),
        step(
            "Let another site's page make Noor's browser change something",
            by_cookie("POST", &label, " -H 'Origin: https://evil.example'"),
        ),
        step("Change it from our own page", by_cookie("POST", &label, &format!(" -H 'Origin: {page}'"))),
        step(
            "End every session of Noor",
            at("/session/expire", &json!({"session_id": "all", "staff_id": GUIDE})),
        ),
        step(
            "See what is left of the minute's calls",
            format!("{} -D - -o /dev/null | grep -i ratelimit", shell.get("/locations")),
        ),
    ]
}

/// What clients of Rocket.Chat and NexHealth do.
fn others(shell: &Shell<'_>) -> Vec<Step> {
    let (ready, step) = (shell.ready, |title, command| Step { part: OTHERS, title, command });
    let (origin, key) = (ready.base_url.trim_end_matches("/omega"), &ready.api_key);
    let json = "-H 'Content-Type: application/json' -d";
    let noor = json!({"user": GUIDE.to_string(), "password": key});
    // The id of a key is a part of it.
    let by_key = format!("-H 'X-Auth-Token: {key}' -H \"X-User-Id: $(echo {key} | cut -d_ -f2)\"");
    let contacts = format!("{origin}/api/v1/omnichannel");
    let authenticate = format!("curl -s -X POST {origin}/authenticates -H 'Authorization: {key}'");
    let token = format!("$({authenticate} | sed 's/.*\"token\":\"\\([^\"]*\\).*/\\1/')");
    let list = format!("subdomain={SUBDOMAIN}&location_id=1&per_page=1&messages=1");
    vec![
        step(
            "Log in as a client of Rocket.Chat, with a key as password",
            format!("curl -s {origin}/api/v1/login {json} {}", quoted(&noor)),
        ),
        step(
            "Find Ana as a client of Rocket.Chat does",
            format!("curl -s '{contacts}/contact.search?phone=%2B{}' {by_key}", &ANA.1[1..]),
        ),
        step(
            "Ask for a contact that does not exist",
            format!("curl -s '{contacts}/contact?contactId=000000000000000000000000' {by_key}"),
        ),
        step("Get a token as a client of NexHealth", authenticate),
        step(
            "List a location's conversations as it does",
            format!("curl -s '{origin}/conversations?{list}' -H \"Authorization: Bearer {token}\""),
        ),
    ]
}

/// What whoever runs omega does.
fn setup(shell: &Shell<'_>) -> Vec<Step> {
    let (ready, step) = (shell.ready, |title, command| Step { part: SETUP, title, command });
    let as_platform = |path: &str| {
        format!("curl -s {}/business{path} -H 'X-API-KEY: {}'", ready.base_url, ready.platform_key)
    };
    let (id, number, domain) = GYM;
    let gym = json!({"business_id": id, "business_name": "Gym", "from_email": format!("hello@{domain}"),
                     "phone_numbers": [{"phone_number": number, "a2p_registration": "registered"}],
                     "test_phone_number": BEN.1, "requests_per_minute": 300});
    let fields = "(step|state|reason)";
    vec![
        step(
            "Set up a gym",
            format!("{} -H 'Content-Type: application/json' -d {}", as_platform("/onboard"), quoted(&gym)),
        ),
        step(
            "See how far it came at Twilio and SES",
            format!(
                "{} | grep -oE '\"{fields}\":\"[^\"]*\"'",
                until(&as_platform(&format!("/{id}/onboard/status")), "\"status\":\"completed\"")
            ),
        ),
        step(
            "See where the stand-in for Twilio calls for its number",
            format!("{} | tr '{{' '\\n' | grep '{number}'", shell.fake_get("numbers")),
        ),
    ]
}

/// The tour as it is printed.
pub fn printed(ready: &Ready) -> String {
    let mut text = String::new();
    let mut part = "";
    for step in steps(ready) {
        if part != step.part {
            part = step.part;
            text.push_str(&format!("## {part}\n\n"));
        }
        text.push_str(&format!("# {}\n{}\n\n", step.title, step.command));
    }
    text
}

/// Makes commands.
struct Shell<'a> {
    ready: &'a Ready,
    business: String,
}

impl Shell<'_> {
    fn get(&self, path: &str) -> String {
        // A shell has a meaning of its own for what separates parameters.
        let quote = if path.contains('?') { "'" } else { "" };
        format!("curl -s {quote}{}{path}{quote} -H 'X-API-KEY: {}'", self.business, self.ready.api_key)
    }

    /// A POST that says everything in its path.
    fn order(&self, path: &str) -> String {
        format!("{} -X POST", self.get(path))
    }

    fn post(&self, path: &str, body: &Value) -> String {
        self.call("POST", path, body)
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> String {
        let method = if method == "POST" { String::new() } else { format!("-X {method} ") };
        format!("{} -H 'Content-Type: application/json' {method}-d {}", self.get(path), quoted(body))
    }

    fn fake_get(&self, what: &str) -> String {
        format!("curl -s {}/fake/{what}", self.ready.twilio_url)
    }

    fn fake(&self, what: &str, body: &Value) -> String {
        format!("{} -d {}", self.fake_get(what), quoted(body))
    }
}

/// A command again and again until it says so, for a quarter of a minute at most, and then what it said last.
fn until(command: &str, so: &str) -> String {
    format!(
        "for _ in $(seq 75); do seen=$({command}); case $seen in *'{so}'*) break; esac; sleep 0.2; done; \
         printf '%s\\n' \"$seen\""
    )
}

/// JSON as one word of a shell.
fn quoted(body: &Value) -> String {
    format!("'{}'", body.to_string().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_apostrophe_does_not_end_the_word() {
        assert_eq!(quoted(&json!("it's")), r#"'"it'\''s"'"#);
    }
}
