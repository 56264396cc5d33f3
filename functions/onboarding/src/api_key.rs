//! A key for a business that has lost its own.

use axum::extract::State;
use axum::response::Response;
use domain::access::{ApiKey, KEY_PREFIX};
use domain::actor::Actor;
use domain::{BusinessId, Error};
use serde::Serialize;
use signature::secret::Secret;
use web::read::PathParams;
use web::{ApiResult, Edge, Platform, shown_once};

/// The new key.
#[derive(Debug, Serialize)]
struct ReplacedKey {
    business_id: BusinessId,
    key_id: String,
    /// In the first answer, and in no other.
    api_key: Option<String>,
}

/// `POST /omega/business/{business_id}/api-key`: makes a key, and revokes all others of the business: for one that has lost
/// its keys, or somebody else has them.
pub(crate) async fn replace(_: Platform, path: PathParams, State(edge): State<Edge>) -> ApiResult<Response> {
    let business = path.id("business_id")?;
    edge.store().business(business).await?.ok_or(Error::NotFound("business"))?;
    let secret = Secret::generate(KEY_PREFIX).map_err(|error| Error::Internal(error.into()))?;
    let now = edge.store().clock().now();
    let key = ApiKey::new(secret.id.clone(), secret.hash(), Actor::System, now);
    edge.store().replace_api_keys(business, &key).await?;
    tracing::warn!(business.id = business.get(), key.id = key.key_id, "keys replaced");
    let answer = ReplacedKey { business_id: business, key_id: key.key_id, api_key: None };
    shown_once(answer, |answer| answer.api_key = Some(secret.text))
}
