//! One visitor, by id.

use axum::extract::State;
use axum::response::IntoResponse;
use domain::global_id;
use web::{ApiError, Edge, Tenant};

use crate::check::{Expected, check};
use crate::parameters::Query;
use crate::refused::Answer;
use crate::success::success;
use crate::visitor::Shown;

/// `GET /api/v1/omnichannel/contact`: an id of nobody, of a client of another business, or of one who is no client any
/// more is answered with `null`.
pub(crate) async fn get(
    tenant: Result<Tenant, ApiError>,
    State(edge): State<Edge>,
    Query(query): Query,
) -> Answer<impl IntoResponse> {
    let tenant = tenant?;
    check(&query, &[("contactId", Expected::Text)])?;
    let id = query.text("contactId").and_then(|id| global_id::decode(tenant.id(), id));
    let found = match id {
        Some(client) => edge.store().client_view(tenant.id(), client).await?,
        None => None,
    };
    Ok(success(Shown::new(found)))
}
