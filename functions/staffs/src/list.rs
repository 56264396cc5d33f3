//! The staff of a business.

use axum::Json;
use axum::extract::State;
use domain::fold::fold;
use web::paging::{Page, Paging};
use web::read::{QueryParams, text};
use web::schemas::staff::StaffResponse;
use web::{ApiResult, Edge, Tenant};

const LONGEST_SEARCH: usize = 200;

/// `GET /omega/businesses/{business_id}/staffs`: by name, those who are gone included. `search` is the beginning of any
/// word of a name. All of them are read for each page, so the total is exact: a business has a few thousand at most.
pub async fn list(
    tenant: Tenant,
    query: QueryParams,
    State(edge): State<Edge>,
) -> ApiResult<Json<Page<StaffResponse>>> {
    let (paging, search) = query.read(|object| {
        let search = object.optional("search", text(LONGEST_SEARCH)).unwrap_or_default();
        Some((Paging::read(object)?, fold(&search)))
    })?;
    let store = edge.store();
    let opened = paging.open(&("staffs", tenant.id(), &search), store.clock().now())?;
    let mut staff = store.staff_by_name(tenant.id()).await?;
    staff.retain(|member| member.is_found_by(&search));
    let total = staff.len() as u64;
    if let Some(after) = &opened.after {
        staff.retain(|member| member.place() > *after);
    }
    let more = staff.len() > opened.most();
    staff.truncate(opened.most());
    let next = staff.last().filter(|_| more).map(|member| member.place());
    Ok(Json(opened.page(staff, next, total, false).map(StaffResponse::from)))
}
