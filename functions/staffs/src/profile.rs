//! One member of the staff.

use axum::Json;
use axum::extract::State;
use web::read::PathParams;
use web::schemas::staff::StaffResponse;
use web::{ApiResult, Edge, Tenant};

/// `GET /omega/businesses/{business_id}/staffs/{staff_id}`: somebody unknown is 200 `null`.
pub async fn get(
    tenant: Tenant,
    path: PathParams,
    State(edge): State<Edge>,
) -> ApiResult<Json<Option<StaffResponse>>> {
    let member = edge.store().staff_member(tenant.id(), path.id("staff_id")?).await?;
    Ok(Json(member.map(StaffResponse::from)))
}
