//! The control surface.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderName, StatusCode, Uri, header};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Answer, Arrival, ClientMail, Event, FakeSes, Mail, RawMail, Reply, Trouble, Verification};

pub(super) fn routes() -> Router<FakeSes> {
    Router::new()
        .route("/fake/requests", get(async |State(fake): State<FakeSes>| Json(fake.requests())))
        .route("/fake/mails", get(async |State(fake): State<FakeSes>| Json(fake.mails())).post(client_writes))
        .route("/fake/received", get(async |State(fake): State<FakeSes>| Json(fake.received())))
        .route("/fake/mails/{id}", get(mail))
        .route("/fake/mails/{id}/raw", get(raw))
        .route("/fake/script", post(script))
        .route("/fake/events", post(events))
        .route("/fake/reply", post(reply))
        .route("/fake/raw", post(hand_in))
        .route(
            "/fake/identities",
            get(async |State(fake): State<FakeSes>| Json(fake.identities())).post(identities),
        )
        // Mails are longer than usual.
        .layer(DefaultBodyLimit::disable())
}

type Failed = (StatusCode, Json<Value>);

fn failed(status: StatusCode, error: &str) -> Failed {
    (status, Json(json!({"error": error})))
}

/// Reads JSON whatever the content type says: that is one thing less to type for curl.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failed> {
    serde_json::from_slice(body).map_err(|error| failed(StatusCode::BAD_REQUEST, &error.to_string()))
}

fn no_such_mail() -> Failed {
    failed(StatusCode::NOT_FOUND, "no such mail")
}

/// The answer to whoever handed a mail in.
fn taken_in(result: Result<Arrival, Trouble>) -> Result<Json<Arrival>, Failed> {
    result.map(Json).map_err(|trouble| {
        let status = match trouble {
            Trouble::NoSuchMail => StatusCode::NOT_FOUND,
            Trouble::Unfit(_) => StatusCode::BAD_REQUEST,
            Trouble::NotStored(_) => StatusCode::BAD_GATEWAY,
        };
        failed(status, &trouble.to_string())
    })
}

async fn mail(State(fake): State<FakeSes>, Path(id): Path<String>) -> Result<Json<Mail>, Failed> {
    fake.mail(&id).map(Json).ok_or_else(no_such_mail)
}

type Headers = [(HeaderName, &'static str); 2];

async fn raw(State(fake): State<FakeSes>, Path(id): Path<String>) -> Result<(Headers, Bytes), Failed> {
    let mail = fake.mail(&id).ok_or_else(no_such_mail)?;
    let headers =
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    Ok((headers, mail.delivered))
}

async fn script(State(fake): State<FakeSes>, body: Bytes) -> Result<Json<Value>, Failed> {
    #[derive(Deserialize)]
    struct Script {
        to: Option<String>,
        answers: Vec<Answer>,
    }
    let script: Script = read(&body)?;
    fake.script(script.to.as_deref(), script.answers);
    Ok(Json(json!({})))
}

async fn events(State(fake): State<FakeSes>, body: Bytes) -> Result<Json<Value>, Failed> {
    #[derive(Deserialize)]
    struct Wanted {
        id: String,
        #[serde(flatten)]
        event: Event,
    }
    let wanted: Wanted = read(&body)?;
    let reports = fake.send_events(&wanted.id, [wanted.event]).await.ok_or_else(no_such_mail)?;
    Ok(Json(json!({"events": reports})))
}

async fn reply(State(fake): State<FakeSes>, body: Bytes) -> Result<Json<Arrival>, Failed> {
    let asked: Reply = read(&body)?;
    taken_in(fake.reply(asked).await)
}

async fn client_writes(State(fake): State<FakeSes>, body: Bytes) -> Result<Json<Arrival>, Failed> {
    let mail: ClientMail = read(&body)?;
    taken_in(fake.client_writes(mail).await)
}

/// The bytes are the body; the envelope and the verdicts are in the query.
async fn hand_in(State(fake): State<FakeSes>, uri: Uri, body: Bytes) -> Result<Json<Arrival>, Failed> {
    let mut mail = RawMail { raw: body.to_vec(), ..RawMail::default() };
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned() {
        match name.as_str() {
            "from" => mail.from = Some(value),
            "to" => mail.to.push(value),
            "spam" => mail.verdicts.spam = value,
            "virus" => mail.verdicts.virus = value,
            "spf" => mail.verdicts.spf = value,
            "dkim" => mail.verdicts.dkim = value,
            "dmarc" => mail.verdicts.dmarc = value,
            _ => return Err(failed(StatusCode::BAD_REQUEST, &format!("{name} is not known"))),
        }
    }
    taken_in(fake.hand_in(mail).await)
}

async fn identities(State(fake): State<FakeSes>, body: Bytes) -> Result<Json<Value>, Failed> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Identities {
        #[serde(default)]
        identities: Vec<String>,
        identity: Option<String>,
        #[serde(default)]
        verified: bool,
        status: Option<Verification>,
    }
    let given: Identities = read(&body)?;
    fake.register_identities(given.identities);
    if let Some(identity) = given.identity {
        let usual = if given.verified { Verification::Success } else { Verification::Pending };
        fake.set_identity(&identity, given.status.unwrap_or(usual));
    }
    Ok(Json(json!({})))
}
