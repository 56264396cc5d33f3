//! Domains and addresses that are to be verified.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::FakeSes;
use super::rest::{Answered, Refusal, authenticate, finish, received};
use crate::wire::locked;

pub(super) fn routes() -> Router<FakeSes> {
    Router::new()
        .route("/v2/email/identities", post(create))
        .route("/v2/email/identities/{identity}", get(fetch))
}

/// How far an identity is. In JSON `SUCCESS`, `TEMPORARY_FAILURE`, …
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verification {
    /// Its records are looked for.
    Pending,
    /// They were found.
    Success,
    /// They were not found in three days.
    Failed,
    /// They were found before and are not now.
    TemporaryFailure,
    /// They are not looked for.
    NotStarted,
}

/// A domain or an address that was created to be verified.
#[derive(Clone, Debug, Serialize)]
pub struct Identity {
    /// `b.c` or `a@b.c`.
    pub identity: String,
    /// How far it is.
    pub status: Verification,
    /// What the names of a domain's three DKIM records begin with.
    pub tokens: Vec<String>,
    /// Unix milliseconds.
    pub created_at: i64,
}

impl Identity {
    fn new(identity: &str, status: Verification, created_at: i64) -> Identity {
        let token = || std::iter::repeat_with(fastrand::lowercase).take(32).collect();
        let is_domain = !identity.contains('@');
        let tokens = if is_domain { (0..3).map(|_| token()).collect() } else { Vec::new() };
        Identity { identity: identity.to_owned(), status, tokens, created_at }
    }

    /// What is told when it is created, and is a part of what is told later.
    fn created(&self) -> Value {
        let is_domain = !self.identity.contains('@');
        let dkim = if is_domain { self.status } else { Verification::NotStarted };
        json!({
            "IdentityType": if is_domain { "DOMAIN" } else { "EMAIL_ADDRESS" },
            "VerifiedForSendingStatus": self.status == Verification::Success,
            "DkimAttributes": {
                "SigningEnabled": is_domain,
                "Status": dkim,
                "Tokens": self.tokens,
                "SigningAttributesOrigin": "AWS_SES",
                "CurrentSigningKeyLength": "RSA_2048_BIT",
                "NextSigningKeyLength": "RSA_2048_BIT",
                "LastKeyGenerationTimestamp": self.created_at / 1000,
            },
        })
    }

    fn fetched(&self) -> Value {
        let mut json = self.created();
        json["VerificationStatus"] = json!(self.status);
        json["VerificationInfo"] = json!({});
        json["FeedbackForwardingStatus"] = json!(true);
        json["MailFromAttributes"] = json!({"BehaviorOnMxFailure": "USE_DEFAULT_VALUE"});
        json["Policies"] = json!({});
        json["Tags"] = json!([]);
        json
    }
}

impl FakeSes {
    /// The identities that were created.
    pub fn identities(&self) -> Vec<Identity> {
        locked(&self.0.state).identities.values().cloned().collect()
    }

    /// How far an identity is from now on. It is created if need be.
    pub fn set_identity(&self, identity: &str, status: Verification) {
        let now = self.now();
        let identity = identity.to_ascii_lowercase();
        let mut state = locked(&self.0.state);
        let known =
            state.identities.entry(identity).or_insert_with_key(|name| Identity::new(name, status, now));
        known.status = status;
    }

    /// Whether identities that are created from now on are verified without anybody's doing. The answer to the
    /// creation says that they are pending all the same, as the real one's does. At first they are not.
    pub fn set_identities_verify(&self, verify: bool) {
        locked(&self.0.state).identities_verify = verify;
    }
}

async fn create(State(fake): State<FakeSes>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let mut request = received(&fake, &Method::POST, &uri);
    request.size = body.len();
    let answered = authenticate(&headers).and_then(|()| created(&fake, &body));
    finish(&fake, request, answered)
}

fn created(fake: &FakeSes, body: &[u8]) -> Answered {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Create {
        #[serde(default)]
        email_identity: String,
    }
    let asked: Create = serde_json::from_slice(body)
        .map_err(|error| Refusal::new("SerializationException", error.to_string()))?;
    let name = asked.email_identity.to_ascii_lowercase();
    let host = name.rsplit_once('@').map_or(name.as_str(), |(_, host)| host);
    if !host.split_once('.').is_some_and(|(below, above)| !below.is_empty() && !above.is_empty()) {
        return Err(Refusal::bad(format!("Invalid email identity <{name}>.")));
    }
    let now = fake.now();
    let mut state = locked(&fake.0.state);
    if state.identities.contains_key(&name) {
        let message = format!("Email identity {name} already exist.");
        return Err(Refusal::new("AlreadyExistsException", message));
    }
    let mut identity = Identity::new(&name, Verification::Pending, now);
    let told = identity.created();
    if state.identities_verify {
        identity.status = Verification::Success;
    }
    state.identities.insert(name, identity);
    Ok(told)
}

async fn fetch(
    State(fake): State<FakeSes>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let answered = authenticate(&headers).and_then(|()| {
        let state = locked(&fake.0.state);
        let known = state.identities.get(&name.to_ascii_lowercase());
        let unknown = || Refusal::new("NotFoundException", format!("Email identity {name} does not exist."));
        known.map(Identity::fetched).ok_or_else(unknown)
    });
    finish(&fake, received(&fake, &Method::GET, &uri), answered)
}
