//! Addresses that get no mail: looked up, and let in again.

use axum::Json;
use axum::extract::State;
use domain::email::Email;
use domain::email_event::Suppression;
use domain::{Error, Timestamp};
use outbox::Outbox;
use serde::Serialize;
use store::suppression::Suppressed;
use web::read::{JsonBody, QueryParams, filled, mailbox};
use web::{ApiResult, Tenant};

const LONGEST_REASON: usize = 500;

/// What mail an address gets. Absent values are `null`.
#[derive(Debug, Serialize)]
pub(crate) struct SuppressionResponse {
    /// The address that was asked about.
    email: String,
    /// Whether it gets no mail at all.
    suppressed: bool,
    /// Why: `bounce` or `complaint`.
    reason: Option<Suppression>,
    /// Since when.
    suppressed_at: Option<Timestamp>,
    /// Since when it gets no campaigns.
    no_campaigns_since: Option<Timestamp>,
    /// What shows it: the provider's id of a mail, or a message.
    evidence: Option<String>,
    /// The last removal: when.
    removed_at: Option<Timestamp>,
    /// By whom.
    removed_by: Option<String>,
    /// Why.
    removal_reason: Option<String>,
}

impl SuppressionResponse {
    fn of(email: &Email, stored: Suppressed) -> SuppressionResponse {
        SuppressionResponse {
            email: email.as_str().to_owned(),
            suppressed: stored.blocked.is_some(),
            reason: stored.blocked,
            suppressed_at: stored.blocked_at,
            no_campaigns_since: stored.no_campaigns,
            evidence: stored.evidence,
            removed_at: stored.removed_at,
            removed_by: stored.removed_by,
            removal_reason: stored.removal_reason,
        }
    }
}

/// `GET /omega/businesses/{business_id}/email/suppressions?email=`: what mail an address gets. The list itself cannot be
/// shown, because it holds no addresses.
pub(crate) async fn get(
    tenant: Tenant,
    State(outbox): State<Outbox>,
    query: QueryParams,
) -> ApiResult<Json<SuppressionResponse>> {
    let email = query.read(|query| query.required("email", mailbox))?;
    let stored = outbox.store.suppressed(tenant.id(), &email).await?;
    Ok(Json(SuppressionResponse::of(&email, stored)))
}

/// `POST /omega/businesses/{business_id}/email/suppressions/remove`: lets an address get mail again, because an owner of
/// the business says why.
pub(crate) async fn remove(
    tenant: Tenant,
    State(outbox): State<Outbox>,
    body: JsonBody,
) -> ApiResult<Json<SuppressionResponse>> {
    let (email, reason) = body.read(|body| {
        let email = body.required("email", mailbox);
        let reason = body.required("reason", filled(LONGEST_REASON));
        Some((email?, reason?))
    })?;
    if !outbox.store.unsuppress(tenant.id(), &email, &tenant.actor().name(), &reason).await? {
        return Err(Error::NotFound("suppression").into());
    }
    let stored = outbox.store.suppressed(tenant.id(), &email).await?;
    Ok(Json(SuppressionResponse::of(&email, stored)))
}
