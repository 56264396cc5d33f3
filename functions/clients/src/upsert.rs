//! What a directory says of a client.

use axum::Json;
use axum::extract::State;
use domain::client::{Change, ClientChanges, Personal};
use domain::phone::{Country, Phone};
use serde_json::Value;
use web::read::{JsonBody, Object, PathParams, Problem, boolean, choice, email, id, integer, text, together};
use web::schemas::client::ClientDetails;
use web::{ApiResult, Edge, Tenant};

const LONGEST_NAME: usize = 200;

/// `PUT /omega/businesses/{business_id}/clients/{client_id}`: absent fields keep their value, `null` clears. A phone
/// number is stored in E.164, and beside it as it was given.
pub async fn put(
    tenant: Tenant,
    path: PathParams,
    State(edge): State<Edge>,
    body: JsonBody,
) -> ApiResult<Json<ClientDetails>> {
    let store = edge.store();
    let changes = body.read(|object| Some(read(object, tenant.business().country)));
    let (client, changes) = together(path.id("client_id"), changes)?;
    let view = store.upsert_client(tenant.id(), client, &changes, tenant.shards()).await?;
    Ok(Json(ClientDetails::of_one(store, view).await?))
}

fn read(object: &Object<'_>, country: Country) -> ClientChanges {
    let personal = |most| move |value: &Value| text(most)(value).map(Personal);
    let phone = object.change("client_phone_number", |value| {
        let spelled = text(64)(value)?;
        let phone = Phone::parse(&spelled, country).map_err(Problem::value)?;
        Ok((phone, Personal(spelled)))
    });
    let (phone, phone_as_given) = match phone {
        Change::Keep => (Change::Keep, Change::Keep),
        Change::Clear => (Change::Clear, Change::Clear),
        Change::Set((phone, given)) => (Change::Set(phone), Change::Set(given)),
    };
    ClientChanges {
        full_name: object.change("client_name", personal(LONGEST_NAME)),
        first_name: object.change("first_name", personal(LONGEST_NAME)),
        middle_name: object.change("middle_name", personal(LONGEST_NAME)),
        last_name: object.change("last_name", personal(LONGEST_NAME)),
        gender: object.change("client_gender", personal(64)),
        image_url: object.change("client_image_url", web::read::image_url),
        email: object.change("client_email", email),
        phone,
        phone_as_given,
        client_type: object.change("client_type", choice(&["client", "lead"])),
        wl_user_id: object.change("wl_user_id", integer),
        location_id: object.change("location_id", id),
        time_zone: object.change("timezone", web::read::time_zone),
        inactive: object.change("inactive", boolean),
        ..ClientChanges::default()
    }
}
