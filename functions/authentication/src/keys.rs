//! Keys for programs: making, listing and revoking them.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use domain::access::{ApiKey, KEY_PREFIX};
use domain::{Error, Timestamp};
use futures_util::future::try_join_all;
use serde::Serialize;
use serde_json::Value;
use signature::secret::Secret;
use web::read::{JsonBody, Object, PathParams, Problem, instant, text};
use web::{ApiResult, Call, Edge, Tenant, shown_once};

use crate::expire::SuccessResponse;

const LONGEST_NAME: usize = 100;

/// What is asked of a new key.
struct Asked {
    name: Option<String>,
    expires_at: Option<Timestamp>,
}

/// A key as it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct ApiKeyResponse {
    key_id: String,
    name: Option<String>,
    /// In the answer that made the key, and in no other.
    api_key: Option<String>,
    /// Number of a member of the staff, else `service` or `system`.
    created_by: String,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    is_live: bool,
}

impl ApiKeyResponse {
    fn new(key: ApiKey, last_used_at: Option<Timestamp>, now: Timestamp) -> ApiKeyResponse {
        ApiKeyResponse {
            is_live: key.is_live(now),
            api_key: None,
            created_by: key.made_by.name(),
            key_id: key.key_id,
            name: key.label,
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            last_used_at,
        }
    }
}

/// The keys of a business.
#[derive(Debug, Serialize)]
pub(crate) struct ApiKeyList {
    items: Vec<ApiKeyResponse>,
    total: usize,
}

/// `POST /omega/businesses/{business_id}/api-keys`: makes a key. Two work at the same time, so that programs can go over
/// from one to the other; a third is 409. The key is in this answer, and cannot be shown again.
pub(crate) async fn create(
    tenant: Tenant,
    call: Call,
    State(edge): State<Edge>,
    body: JsonBody,
) -> ApiResult<Response> {
    let now = edge.store().clock().now();
    let asked = body.read(|object| read(object, now))?;
    let secret = Secret::generate(KEY_PREFIX).map_err(|error| Error::Internal(error.into()))?;
    let key = ApiKey {
        label: asked.name,
        expires_at: asked.expires_at,
        request_id: Some(call.request),
        ..ApiKey::new(secret.id.clone(), secret.hash(), tenant.actor(), now)
    };
    edge.store().insert_api_key(tenant.id(), &key, tenant.acting()).await?;
    tracing::info!(business.id = tenant.id().get(), key.id = key.key_id, "key made");
    shown_once(ApiKeyResponse::new(key, None, now), |answer| answer.api_key = Some(secret.text))
}

/// `GET /omega/businesses/{business_id}/api-keys`: the keys that work, and those of late that do not any more.
pub(crate) async fn list(tenant: Tenant, State(edge): State<Edge>) -> ApiResult<Json<ApiKeyList>> {
    let (store, now) = (edge.store(), edge.store().clock().now());
    let keys = store.api_keys(tenant.id()).await?.keys;
    let shown = keys.into_iter().map(async |key| {
        let last_use = if key.is_live(now) { store.last_use(&key).await? } else { None };
        Ok::<_, Error>(ApiKeyResponse::new(key, last_use, now))
    });
    let items = try_join_all(shown).await?;
    Ok(Json(ApiKeyList { total: items.len(), items }))
}

/// `DELETE /omega/businesses/{business_id}/api-keys/{key_id}`: within five seconds nobody is let in with the key any more.
/// The last one that works is 409.
pub(crate) async fn revoke(
    tenant: Tenant,
    path: PathParams,
    State(edge): State<Edge>,
) -> ApiResult<Json<SuccessResponse>> {
    let key_id = path.text("key_id");
    edge.store().revoke_api_key(tenant.id(), key_id, tenant.acting()).await?;
    tracing::info!(business.id = tenant.id().get(), "key revoked");
    Ok(Json(SuccessResponse { success: true, message: "The key is revoked" }))
}

fn read(object: &Object<'_>, now: Timestamp) -> Option<Asked> {
    let name = object.optional("name", text(LONGEST_NAME));
    let expires_at = object.optional("expires_at", |value: &Value| match instant(value)? {
        end if end > now => Ok(end),
        _ => Err(Problem::value("it has to be in the future")),
    });
    Some(Asked { name, expires_at })
}
