//! One visitor, by what is known of them.

use axum::extract::State;
use axum::response::IntoResponse;
use domain::visitor::{Wanted, is_field_name};
use serde_json::{Map, Value};
use store::finding::Clue;
use web::{ApiError, Edge, Tenant};

use crate::check::{Expected, check};
use crate::parameters::{Parameters, Query};
use crate::refused::{Answer, Refused};
use crate::success::success;
use crate::visitor::Shown;

/// `GET /api/v1/omnichannel/contact.search`: whoever has this mail address, this number in this spelling, and these words
/// in what is kept of them, as far as they are asked for.
pub(crate) async fn find(
    tenant: Result<Tenant, ApiError>,
    State(edge): State<Edge>,
    Query(query): Query,
) -> Answer<impl IntoResponse> {
    let tenant = tenant?;
    let maybe = Expected::MaybeText;
    check(&query, &[("email", maybe), ("phone", maybe), ("custom", maybe)])?;
    let custom = custom(&query)?;
    let wanted = read(&query, &custom)?;
    let first = wanted.fields.first().map(|(name, part)| Clue::Field(name, part));
    let phone = wanted.phone.map(|phone| Clue::Phone(phone, tenant.business().country));
    let found = match wanted.email.map(Clue::Email).or(phone).or(first) {
        Some(clue) => edge.store().find_by(tenant.id(), clue, |client| wanted.is(client)).await?,
        // Nothing is left of what was asked for.
        None => None,
    };
    Ok(success(Shown::new(found)))
}

/// What `custom` says.
fn custom(query: &Parameters) -> Answer<Value> {
    match query.text("custom").filter(|custom| !custom.is_empty()) {
        Some(custom) => {
            serde_json::from_str(custom).map_err(|_| Refused::Coded("error-invalid-params-custom", None))
        }
        None => Ok(Value::Object(Map::new())),
    }
}

/// What is looked for. A name that nothing can be kept under is ignored.
fn read<'a>(query: &'a Parameters, custom: &'a Value) -> Answer<Wanted<'a>> {
    let filled = |name| query.text(name).filter(|text| !text.is_empty());
    let (email, phone) = (filled("email"), filled("phone"));
    let asks = match custom {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::String(text) => !text.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    };
    if email.is_none() && phone.is_none() && !asks {
        return Err(Refused::Coded("error-invalid-params", None));
    }
    let mut fields = Vec::new();
    for (name, part) in custom.as_object().into_iter().flatten().filter(|(name, _)| is_field_name(name)) {
        let part = part.as_str().ok_or(Refused::Coded("error-invalid-params-custom", None))?;
        fields.push((name.as_str(), part));
    }
    Ok(Wanted { email, phone, fields })
}
