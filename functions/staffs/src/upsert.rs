//! What a directory says of a member of the staff.

use axum::Json;
use axum::extract::State;
use domain::client::{Change, Personal};
use domain::phone::Country;
use domain::staff::StaffChanges;
use serde_json::Value;
use web::read::{JsonBody, Object, PathParams, boolean, choice, email, filled, id, phone, text, together};
use web::schemas::staff::StaffResponse;
use web::{ApiResult, Edge, Tenant};

const LONGEST_NAME: usize = 200;
const LONGEST_GENDER: usize = 64;
const MOST_LOCATIONS: usize = 100;

/// `PUT /omega/businesses/{business_id}/staffs/{staff_id}`: absent fields keep their value, `null` clears. Who is not
/// active any more loses their sessions at once, and their conversations soon. Nobody gives or takes a role above their
/// own, nor changes a member who stands above them: 403. The last active owner stays one: 409.
pub async fn put(
    tenant: Tenant,
    path: PathParams,
    State(edge): State<Edge>,
    body: JsonBody,
) -> ApiResult<Json<StaffResponse>> {
    let changes = body.read(|object| read(object, tenant.business().country));
    let (staff, changes) = together(path.id("staff_id"), changes)?;
    let member = edge.store().upsert_staff(tenant.id(), staff, &changes, tenant.acting()).await?;
    Ok(Json(member.into()))
}

fn read(object: &Object<'_>, country: Country) -> Option<StaffChanges> {
    let personal = |most| move |value: &Value| text(most)(value).map(Personal);
    let full_name = object.required("staff_name", filled(LONGEST_NAME));
    Some(StaffChanges {
        gender: object.change("staff_gender", personal(LONGEST_GENDER)),
        image_url: object.change("staff_image_url", web::read::image_url),
        email: object.change("staff_email", email),
        phone: object.change("staff_phone_number", phone(country)),
        staff_role: object.change("role", choice(&["owner", "manager", "staff"])),
        location_ids: match object.raw("location_ids") {
            None => Change::Keep,
            Some(Value::Null) => Change::Clear,
            Some(_) => Change::Set(object.list("location_ids", MOST_LOCATIONS, id)),
        },
        active: object.raw("active").and_then(|_| object.required("active", boolean)),
        full_name: Personal(full_name?),
    })
}
