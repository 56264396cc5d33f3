//! Twilio's webhooks: nothing of a request is believed before its signature is.

use axum::extract::{FromRef, FromRequest, Request};
use domain::Error;
use domain::content::{Media, Text};
use domain::delivered::{LONGEST_ID, MOST_MEDIA, media_type, shortened};
use domain::id::Id;
use domain::id::MessageRef;
use domain::job::InboundSms;
use signature::twilio::{AuthTokens, verify_form};

use crate::ApiError;
use crate::read::{Problem, collect};

/// What is needed to tell Twilio from anybody else. Without a token or without our own address nobody is Twilio: every
/// webhook is refused.
#[derive(Clone, Debug)]
pub struct Settings {
    account_sid: String,
    tokens: Option<AuthTokens>,
    public_base_url: String,
}

impl Settings {
    /// The account, its auth token (with a second one while they are being changed), and our public origin, which
    /// Twilio signs: it is configuration, because what a gateway says of the address it was called at is not what the
    /// caller called.
    pub fn new(
        account_sid: String,
        auth_token: Option<String>,
        secondary: Option<String>,
        public_base_url: String,
    ) -> Settings {
        Settings {
            account_sid,
            tokens: auth_token.map(|token| AuthTokens::new(token, secondary)),
            public_base_url,
        }
    }

    /// Whether webhooks can be accepted at all.
    pub fn is_ready(&self) -> bool {
        self.tokens.is_some() && !self.public_base_url.is_empty() && !self.account_sid.is_empty()
    }
}

/// Something that Twilio signed. Cannot be made otherwise.
#[derive(Clone, Debug)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// What was signed.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// A form that Twilio posts, with the query of the address it was posted to.
#[derive(Clone)]
pub struct Form {
    fields: Vec<(String, String)>,
    query: Vec<(String, String)>,
    /// `I-Twilio-Idempotency-Token`: the same on every try of one webhook. For the log alone, because the signature does
    /// not cover it.
    pub token: Option<String>,
}

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Form").finish_non_exhaustive()
    }
}

impl Form {
    /// A field; empty counts as missing.
    pub fn field(&self, name: &str) -> Option<&str> {
        find(&self.fields, name)
    }

    /// Whether a field is there, empty or not.
    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(known, _)| known == name)
    }

    /// A parameter of the address.
    pub fn query(&self, name: &str) -> Option<&str> {
        find(&self.query, name)
    }

    /// The message that a callback address of ours carries. Twilio's signature covers the address.
    pub fn message(&self) -> Option<MessageRef> {
        Some(MessageRef {
            business: self.id("business")?,
            client: self.id("client")?,
            message: self.id("message")?,
        })
    }

    fn id<K>(&self, name: &str) -> Option<Id<K>> {
        self.query(name)?.parse().ok().and_then(Id::new)
    }

    /// A field without which the form means nothing.
    ///
    /// # Errors
    /// `Invalid`, naming it.
    pub fn required(&self, name: &'static str) -> Result<&str, ApiError> {
        self.field(name).ok_or_else(|| missing(name))
    }

    /// The text that an incoming-message form tells of, whatever the length of its fields.
    ///
    /// # Errors
    /// `Invalid` when it names no text, no receiver, or lacks a sender. A sender that is there and empty is withheld.
    pub fn inbound_sms(&self) -> Result<InboundSms, ApiError> {
        if !self.has("From") {
            return Err(missing("From"));
        }
        let media = self.field("NumMedia").and_then(|count| count.parse().ok()).unwrap_or(0usize);
        let sms = InboundSms {
            account_sid: self.required("AccountSid")?.to_owned(),
            message_sid: self.required("MessageSid")?.to_owned(),
            from: Text(self.field("From").unwrap_or_default().to_owned()),
            to: Text(self.required("To")?.to_owned()),
            body: Text(self.field("Body").unwrap_or_default().to_owned()),
            media_urls: (0..media.min(MOST_MEDIA)).filter_map(|index| self.media(index)).collect(),
            opt_out_type: self.field("OptOutType").map(str::to_owned),
            sent_at: None,
        };
        Ok(sms.fitting())
    }

    fn media(&self, index: usize) -> Option<Media> {
        let url = self.field(&format!("MediaUrl{index}"))?.to_owned();
        let content_type = self.field(&format!("MediaContentType{index}")).and_then(media_type);
        Some(Media { url, content_type })
    }
}

/// The refusal of a form that lacks a field.
pub fn missing(field: &'static str) -> ApiError {
    let problem = Problem::new("missing", "Field required");
    crate::error::field_error(vec!["body".into(), field.into()], problem)
}

/// The refusal of a request that is not known to be Twilio's. An alarm counts these lines: a wrong token or a wrong
/// public address keeps every text and report away, and Twilio does not repeat a request that got 403.
fn refused(reason: &'static str) -> ApiError {
    tracing::warn!(provider = "twilio", metric = "webhook_refused", reason, "webhook request refused");
    Error::Forbidden.into()
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
}

/// A field in a length that the table takes as an id or a word. What makes a text is fitted as a whole by
/// [`InboundSms::fitting`], and an address when it is read.
fn fitting((name, value): (String, String)) -> (String, String) {
    let whole = ["Body", "From", "To"].contains(&name.as_str()) || name.starts_with("MediaUrl");
    let value = if whole { value } else { shortened(&value, LONGEST_ID).into_owned() };
    (name, value)
}

fn pairs(bytes: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(bytes).into_owned().collect()
}

impl<S> FromRequest<S> for Verified<Form>
where
    S: Send + Sync,
    Settings: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let settings = Settings::from_ref(state);
        let (parts, body) = request.into_parts();
        let Some(tokens) = settings.tokens.as_ref().filter(|_| settings.is_ready()) else {
            tracing::error!(
                "Twilio's webhooks are refused: auth token, account or public address is not set"
            );
            return Err(refused("not_set_up"));
        };
        let signature = parts.headers.get("x-twilio-signature").and_then(|value| value.to_str().ok());
        let signature = signature.ok_or_else(|| refused("no_signature"))?;
        let bytes = collect(body, None).await?;
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let url = format!("{}{path}", settings.public_base_url);
        verify_form(tokens, &url, &bytes, signature).map_err(|_| refused("wrong_signature"))?;
        let token = parts.headers.get("i-twilio-idempotency-token").and_then(|value| value.to_str().ok());
        let form = Form {
            fields: pairs(&bytes).into_iter().map(fitting).collect(),
            query: pairs(parts.uri.query().unwrap_or("").as_bytes()),
            token: token.filter(|token| token.len() <= 64).map(str::to_owned),
        };
        // The token is this account's, so a form signed with it that names another one is not for us.
        if form.field("AccountSid").is_some_and(|sid| sid != settings.account_sid) {
            return Err(refused("other_account"));
        }
        Ok(Verified(form))
    }
}
