//! The mailbox for people: plain pages without scripts.
//!
//! What is in a mail is written by strangers. It gets onto a page in one way only, [`Page::text`], which escapes it.
//! An HTML part is a document of its own in a frame that may do nothing: no scripts, no forms, no way out of the frame,
//! and nothing is loaded from the network.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Attachment, ClientMail, Direction, Event, EventType, FakeSes, Mail, Reply};

/// The pages: nothing but their own style, their own forms, and frames from here.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'self'; \
                           base-uri 'none'; frame-ancestors 'none'";
/// The HTML part of a mail: its own style and the pictures that are in it.
const MAIL_POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; \
                           base-uri 'none'; frame-ancestors 'self'; sandbox";
/// Types of pictures that are shown in the HTML part. SVG is not among them: it is a document.
const PICTURES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const HEAD: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
                    content=\"width=device-width\">";
const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:1.5rem auto;padding:0 1rem;\
                     color:#222}table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;\
                     padding:.3rem .8rem .3rem 0;border-bottom:1px solid #ddd;overflow-wrap:anywhere}th{font-weight:\
                     600}h1{font-size:1.3rem}h2{font-size:1.05rem;margin-top:1.8rem}pre{white-space:pre-wrap;\
                     overflow-wrap:anywhere;background:#f6f6f6;padding:.8rem}iframe{width:100%;height:26rem;border:\
                     1px solid #ccc}form{margin:.4rem 0}input,textarea,button,select{font:inherit}textarea{width:\
                     100%;height:7rem;box-sizing:border-box}.quiet{color:#666}";

pub(super) fn routes() -> Router<FakeSes> {
    Router::new()
        .route("/", get(list))
        .route("/mails", post(write))
        .route("/mails/{id}", get(show))
        .route("/mails/{id}/html", get(html_part))
        .route("/mails/{id}/attachments/{n}", get(attachment))
        .route("/mails/{id}/event", post(event))
        .route("/mails/{id}/reply", post(reply))
}

/// A page as it is written. What is not in this file goes through [`Page::text`].
struct Page(String);

impl Page {
    fn new(title: &str) -> Page {
        let mut page = Page(String::new());
        page.raw(HEAD).raw("<title>").text(title);
        page.raw("</title><style>").raw(STYLE).raw("</style><h1>").text(title).raw("</h1>");
        page
    }

    /// Markup. That it is static keeps a mail from being taken for it.
    fn raw(&mut self, markup: &'static str) -> &mut Page {
        self.0.push_str(markup);
        self
    }

    /// Text, or the value of an attribute in quotation marks.
    fn text(&mut self, text: &str) -> &mut Page {
        for letter in text.chars() {
            match letter {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                // Characters that turn the direction of writing make a name look like another.
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => self.0.push('\u{fffd}'),
                letter => self.0.push(letter),
            }
        }
        self
    }

    fn row(&mut self, name: &'static str, value: &str) -> &mut Page {
        self.raw("<tr><th>").raw(name).raw("<td>").text(value).raw("</tr>")
    }

    fn answer(self) -> Response {
        guarded("text/html; charset=utf-8", PAGE_POLICY, self.0.into())
    }
}

/// An answer whose content a browser takes for nothing else.
fn guarded(kind: &'static str, policy: &'static str, body: Bytes) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-dns-prefetch-control"), "off"),
    ];
    (headers, body).into_response()
}

fn problem(status: StatusCode, words: &str) -> Response {
    let mut page = Page::new("This did not work");
    page.raw("<p>").text(words).raw("<p><a href=\"/\">All mails</a>");
    let mut response = page.answer();
    *response.status_mut() = status;
    response
}

fn not_found() -> Response {
    problem(StatusCode::NOT_FOUND, "There is no such mail.")
}

/// Leads on to a page that can be loaded again without doing the same thing again.
fn see(id: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, format!("/mails/{id}"))]).into_response()
}

async fn list(State(fake): State<FakeSes>) -> Response {
    let mut page = Page::new("Mails");
    page.raw("<p class=\"quiet\">What a provider would have sent and taken in. Newest first.");
    page.raw("<table><tr><th>Time<th><th>From<th>To<th>Subject<th>Tags<th>Last</tr>");
    for mail in fake.all().iter().rev() {
        list_row(&mut page, mail);
    }
    page.raw("</table>");
    write_form(&mut page);
    page.answer()
}

fn list_row(page: &mut Page, mail: &Mail) {
    let way = match mail.direction {
        Direction::Outbound => "sent",
        Direction::Inbound => "received",
    };
    let subject = if mail.subject.is_empty() { "(no subject)" } else { &mail.subject };
    let last = mail.events.last().map_or("", |published| published.event.name());
    page.raw("<tr><td>").text(&super::timestamp(mail.at)).raw("<td>").raw(way);
    page.raw("<td>").text(&mail.from).raw("<td>").text(&mail.recipients().join(", "));
    page.raw("<td><a href=\"/mails/").text(&mail.id).raw("\">").text(subject).raw("</a>");
    page.raw("<td>").text(&tags(mail)).raw("<td>").raw(last).raw("</tr>");
}

fn tags(mail: &Mail) -> String {
    let pairs: Vec<String> = mail.tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join(", ")
}

fn write_form(page: &mut Page) {
    page.raw(
        "<h2>Write as a client</h2><form method=\"post\" action=\"/mails\"><p><input name=\"from\" placeholder=\"From\" \
         required> <input name=\"to\" placeholder=\"To\" required> <input name=\"subject\" \
         placeholder=\"Subject\"><p><textarea name=\"text\"></textarea><p><button>Send</button></form>",
    );
}

async fn show(State(fake): State<FakeSes>, Path(id): Path<String>) -> Response {
    let Some(mail) = fake.mail(&id) else { return not_found() };
    let mut page = Page::new(if mail.subject.is_empty() { "(no subject)" } else { &mail.subject });
    page.raw("<p><a href=\"/\">All mails</a>");
    facts(&mut page, &mail);
    if let Some(text) = &mail.text {
        page.raw("<h2>Text</h2><pre>").text(text).raw("</pre>");
    }
    if mail.html.is_some() {
        page.raw("<h2>HTML</h2><iframe sandbox=\"\" referrerpolicy=\"no-referrer\" src=\"/mails/")
            .text(&mail.id);
        page.raw("/html\"></iframe>");
    }
    attachments(&mut page, &mail);
    if mail.direction == Direction::Outbound {
        reports(&mut page, &mail);
        reply_form(&mut page, &mail);
    }
    headers(&mut page, &mail);
    page.answer()
}

fn facts(page: &mut Page, mail: &Mail) {
    page.raw("<table>").row("Time", &super::timestamp(mail.at)).row("From", &mail.from);
    page.row("To", &mail.to.join(", ")).row("Cc", &mail.cc.join(", ")).row("Bcc", &mail.bcc.join(", "));
    page.row("Tags", &tags(mail)).row("Message-ID", &mail.message_id);
    page.row("Message-ID as handed in", mail.original_message_id.as_deref().unwrap_or_default())
        .raw("</table>");
}

fn attachments(page: &mut Page, mail: &Mail) {
    if mail.attachments.is_empty() {
        return;
    }
    page.raw("<h2>Attachments</h2><ul>");
    for (n, attachment) in mail.attachments.iter().enumerate() {
        page.raw("<li><a href=\"/mails/").text(&mail.id).raw("/attachments/").text(&n.to_string()).raw("\">");
        page.text(attachment.filename.as_deref().unwrap_or("(no name)")).raw("</a> <span class=\"quiet\">");
        page.text(&attachment.content_type).raw(", ").text(&attachment.size.to_string()).raw(" bytes</span>");
    }
    page.raw("</ul>");
}

fn reports(page: &mut Page, mail: &Mail) {
    page.raw("<h2>What was reported</h2><table>");
    for published in &mail.events {
        page.raw("<tr><td>").text(&super::timestamp(published.at)).raw("<td>").raw(published.event.name());
        page.raw("<td>").text(&published.recipients.join(", ")).raw("</tr>");
    }
    page.raw("</table><form method=\"post\" action=\"/mails/").text(&mail.id).raw("/event\">Report for ");
    page.raw("<select name=\"recipient\"><option value=\"\">everybody</option>");
    for recipient in mail.recipients() {
        page.raw("<option value=\"").text(&recipient).raw("\">").text(&recipient).raw("</option>");
    }
    page.raw(
        "</select>: <button name=\"event\" value=\"Delivery\">Delivery</button> <button name=\"event\" \
         value=\"DeliveryDelay\">Delay</button> <button name=\"event\" value=\"Bounce\">Bounce</button> <button \
         name=\"event\" value=\"Transient\">Bounce that passes</button> <button name=\"event\" \
         value=\"Complaint\">Complaint</button></form>",
    );
}

fn reply_form(page: &mut Page, mail: &Mail) {
    page.raw("<h2>Answer as a receiver</h2><form method=\"post\" action=\"/mails/").text(&mail.id);
    page.raw("/reply\"><p>From <select name=\"from\">");
    for recipient in mail.recipients() {
        page.raw("<option>").text(&recipient).raw("</option>");
    }
    page.raw(
        "</select> <label><input type=\"checkbox\" name=\"quote\" value=\"1\"> with the mail below it</label><p><textarea \
         name=\"text\" required></textarea><p><button>Answer</button></form>",
    );
}

fn headers(page: &mut Page, mail: &Mail) {
    page.raw("<h2>Headers as handed in</h2><table>");
    for header in &mail.headers {
        page.raw("<tr><th>").text(&header.name).raw("<td>").text(&header.value).raw("</tr>");
    }
    page.raw("</table><p><a href=\"/fake/mails/").text(&mail.id).raw("/raw\">Raw, as delivered</a>");
}

async fn html_part(State(fake): State<FakeSes>, Path(id): Path<String>) -> Response {
    let Some(html) =
        fake.mail(&id).and_then(|mail| Some(with_pictures(mail.html.as_ref()?, &mail.attachments)))
    else {
        return not_found();
    };
    guarded("text/html; charset=utf-8", MAIL_POLICY, html.into())
}

/// `cid:` leads to another part of the mail, which a browser cannot follow.
fn with_pictures(html: &str, attachments: &[Attachment]) -> String {
    let mut html = html.to_owned();
    for attachment in attachments {
        let kind = PICTURES.iter().find(|kind| kind.eq_ignore_ascii_case(&attachment.content_type));
        if let (Some(kind), Some(id)) = (kind, attachment.content_id.as_ref().filter(|id| !id.is_empty())) {
            let data = format!("data:{kind};base64,{}", STANDARD.encode(&attachment.content));
            html = html.replace(&format!("cid:{id}"), &data);
        }
    }
    html
}

async fn attachment(State(fake): State<FakeSes>, Path((id, n)): Path<(String, usize)>) -> Response {
    let Some(attachment) = fake.mail(&id).and_then(|mail| mail.attachments.get(n).cloned()) else {
        return not_found();
    };
    let name = attachment.filename.as_deref().unwrap_or("attachment");
    // Whatever it says it is, it is saved and not shown.
    let mut response = guarded("application/octet-stream", MAIL_POLICY, attachment.content);
    response.headers_mut().insert(header::CONTENT_DISPOSITION, saved_as(name));
    response
}

/// The name in two forms: for old browsers with the odd letters replaced, and as it is, encoded.
fn saved_as(name: &str) -> HeaderValue {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_');
    let plain: String = name.chars().map(|letter| if is_plain(letter) { letter } else { '_' }).collect();
    let mut encoded = String::new();
    for byte in name.bytes() {
        match char::from(byte) {
            letter if is_plain(letter) => encoded.push(letter),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    let value = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}");
    HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("attachment"))
}

/// What a form of these pages sends.
struct Form(Vec<(String, String)>);

impl Form {
    fn read(body: &[u8]) -> Form {
        Form(form_urlencoded::parse(body).into_owned().collect())
    }

    /// `None` when it is not there or empty.
    fn get(&self, name: &str) -> Option<String> {
        let found = self.0.iter().find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.clone())
    }
}

async fn event(State(fake): State<FakeSes>, Path(id): Path<String>, body: Bytes) -> Response {
    let form = Form::read(&body);
    let event = match form.get("event").as_deref() {
        Some("Delivery") => EventType::Delivery.into(),
        Some("DeliveryDelay") => EventType::DeliveryDelay.into(),
        Some("Bounce") => Event::bounce("Permanent", "General"),
        Some("Transient") => Event::bounce("Transient", "General"),
        Some("Complaint") => EventType::Complaint.into(),
        _ => return problem(StatusCode::BAD_REQUEST, "That cannot be reported from here."),
    };
    let event = match form.get("recipient") {
        Some(recipient) => event.of([recipient]),
        None => event,
    };
    match fake.send_events(&id, [event]).await {
        Some(_) => see(&id),
        None => not_found(),
    }
}

async fn reply(State(fake): State<FakeSes>, Path(id): Path<String>, body: Bytes) -> Response {
    let form = Form::read(&body);
    let reply = Reply {
        id,
        from: form.get("from"),
        text: form.get("text").unwrap_or_default(),
        quote: form.get("quote").is_some(),
        ..Reply::default()
    };
    match fake.reply(reply).await {
        Ok(arrival) => see(&arrival.id),
        Err(trouble) => problem(StatusCode::BAD_REQUEST, &trouble.to_string()),
    }
}

async fn write(State(fake): State<FakeSes>, body: Bytes) -> Response {
    let form = Form::read(&body);
    let value = |name: &str| form.get(name).unwrap_or_default();
    let mail = ClientMail::new(&value("from"), &value("to"), &value("subject"), &value("text"));
    match fake.client_writes(mail).await {
        Ok(arrival) => see(&arrival.id),
        Err(trouble) => problem(StatusCode::BAD_REQUEST, &trouble.to_string()),
    }
}
