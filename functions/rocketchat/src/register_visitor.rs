//! A visitor, as a live chat or a directory says of them.

use axum::Extension;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::client::Client;
use domain::visitor::Said;
use domain::{BusinessId, ClientId, Error, StaffId, global_id};
use serde::Serialize;
use serde_json::Value;
use signature::secret;
use store::finding::Clue;
use store::{ClientView, Store};
use web::{ApiError, Correlation, Edge, Tenant};

use crate::check::{Expected, check};
use crate::parameters::{Json as Body, Parameters};
use crate::refused::{Answer, Refused};
use crate::success::success;
use crate::{manager, users};

/// The longest token: all of it finds its visitor.
const LONGEST_TOKEN: usize = 80;
const LONGEST_NAME: usize = 200;
const LONGEST_EMAIL: usize = 254;
const LONGEST_PHONE: usize = 64;
/// How often somebody is looked for who changes meanwhile.
const TRIES: usize = 5;
/// How many ids are tried for a new visitor: an id is another's only when they gave up its token.
const MOST_IDS: usize = 50;

/// The answer: their id.
#[derive(Debug, Serialize)]
struct Registered {
    contact: String,
}

/// Somebody is not who they were thought to be, or not any more.
struct SomebodyElse;

/// `POST /api/v1/omnichannel/contact`: changes whoever has the token, else whoever has the mail address, else makes a new
/// client. Said twice, or by two at once, it makes one.
pub(crate) async fn register(
    tenant: Result<Tenant, ApiError>,
    State(edge): State<Edge>,
    Extension(correlation): Extension<Correlation>,
    Body(body): Body,
) -> Answer<impl IntoResponse> {
    let tenant = tenant?;
    let said = read(&body)?;
    let manager = manager_in(edge.store(), &tenant, &body).await?;
    let view = put(edge.store(), &tenant, &said).await?;
    let client = view.client.client_id;
    let assigned = view.conversation.and_then(|conversation| conversation.assigned_to);
    if manager != assigned {
        manager::put(edge.store(), &tenant, client, manager, &correlation).await?;
    }
    Ok(success(Registered { contact: global_id::encode(tenant.id(), client) }))
}

fn read(body: &Parameters) -> Answer<Said> {
    check(
        body,
        &[
            ("_id", Expected::MaybeText),
            ("token", Expected::Text),
            ("name", Expected::Text),
            ("email", Expected::MaybeText),
            ("phone", Expected::MaybeText),
            ("username", Expected::MaybeText),
            ("customFields", Expected::MaybeObject),
            ("contactManager", Expected::MaybeOnly("username")),
        ],
    )?;
    let text = |name| body.text(name).map(str::to_owned);
    let token = text("token").filter(|token| !token.is_empty());
    let fields = body.get("customFields").and_then(Value::as_object).into_iter().flatten();
    let fields = fields.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    let said = Said {
        token: token.ok_or_else(|| bad("Invalid visitor token".to_owned()))?,
        name: text("name").unwrap_or_default(),
        email: text("email"),
        phone: text("phone"),
        username: text("username"),
        fields: fields.collect(),
    };
    for (name, value, most) in [
        ("token", Some(&said.token), LONGEST_TOKEN),
        ("name", Some(&said.name), LONGEST_NAME),
        ("email", said.email.as_ref(), LONGEST_EMAIL),
        ("phone", said.phone.as_ref(), LONGEST_PHONE),
        ("username", said.username.as_ref(), LONGEST_NAME),
    ] {
        if value.is_some_and(|value| value.chars().count() > most) {
            return Err(bad(format!("The {name} is longer than {most} characters")));
        }
    }
    Ok(said)
}

fn bad(reason: String) -> Refused {
    Refused::Coded("error-invalid-contact-data", Some(reason))
}

/// Who is to take care of them: everybody who works here may.
async fn manager_in(store: &Store, tenant: &Tenant, body: &Parameters) -> Answer<Option<StaffId>> {
    let username = body.get("contactManager").and_then(|manager| manager["username"].as_str());
    let Some(username) = username.filter(|username| !username.is_empty()) else { return Ok(None) };
    match users::by_username(store, tenant.id(), username).await? {
        Some(staff) if staff.active => Ok(Some(staff.staff_id)),
        Some(_) => {
            let reason = "The contact manager must have the role \"livechat-agent\"";
            Err(Refused::Coded("error-invalid-contact-manager", Some(reason.to_owned())))
        }
        None => {
            let reason = format!("No user found with username {username}");
            Err(Refused::Coded("error-contact-manager-not-found", Some(reason)))
        }
    }
}

/// Stores what is said of somebody, whoever they are.
async fn put(store: &Store, tenant: &Tenant, said: &Said) -> Answer<ClientView> {
    for _ in 0..TRIES {
        // A token that is an id is that client's, unless they were given another.
        if let Some(client) = global_id::decode(tenant.id(), &said.token)
            && let Ok(view) = change(store, tenant, client, said, Said::is_by_id).await?
        {
            return Ok(view);
        }
        let by_token = Clue::Token(&said.token);
        let found = store.find_by(tenant.id(), by_token, |client| said.is_by_token(client)).await?;
        if let Some(found) = found {
            match change(store, tenant, found.client.client_id, said, Said::is_by_token).await? {
                Ok(view) => return Ok(view),
                Err(SomebodyElse) => continue,
            }
        }
        let Some(email) = said.email() else { return create(store, tenant, said).await };
        let found =
            store.find_by(tenant.id(), Clue::Email(&email), |client| said.is_by_email(client)).await?;
        let Some(found) = found else { return create(store, tenant, said).await };
        if let Ok(view) = change(store, tenant, found.client.client_id, said, Said::is_by_email).await? {
            return Ok(view);
        }
    }
    Err(Error::Unavailable("the client is being changed".into()).into())
}

/// Changes a client who is who they are thought to be.
async fn change(
    store: &Store,
    tenant: &Tenant,
    client: ClientId,
    said: &Said,
    is: impl Fn(&Said, &Client) -> bool,
) -> domain::Result<Result<ClientView, SomebodyElse>> {
    let country = tenant.business().country;
    let decide = |old: Option<&Client>| match old {
        Some(old) if is(said, old) => Ok(said.changes(Some(old), country)),
        _ => Err(SomebodyElse),
    };
    store.change_client(tenant.id(), client, decide, tenant.shards()).await
}

/// Makes a new client, under an id that the same words make again: whoever says them a second time finds the client.
async fn create(store: &Store, tenant: &Tenant, said: &Said) -> Answer<ClientView> {
    let country = tenant.business().country;
    let mut client = first_id(tenant.id(), &said.token)?;
    for _ in 0..MOST_IDS {
        let decide = |old: Option<&Client>| match old {
            Some(old) if !said.is_by_token(old) => Err(SomebodyElse),
            old => Ok(said.changes(old, country)),
        };
        match store.change_client(tenant.id(), client, decide, tenant.shards()).await? {
            Ok(view) => return Ok(view),
            Err(SomebodyElse) => client = client.next(),
        }
    }
    Err(Error::Unavailable("no id is free".into()).into())
}

/// The id that a token of a business makes: 53 bits of its hash.
fn first_id(business: BusinessId, token: &str) -> domain::Result<ClientId> {
    let digest = secret::digest(&format!("{business} {token}"));
    let bits = u64::from_str_radix(&digest[..16], 16).map_err(|error| Error::Internal(error.into()))?;
    Ok(ClientId::from_bits(bits))
}
