//! Notes among staff.

use axum::Json;
use axum::extract::State;
use domain::content::Text;
use domain::id::MessageRef;
use domain::note::Note;
use domain::{Error, MessageId, StaffId};
use serde_json::{Value, json};
use web::read::{JsonBody, Object, PathParams, filled, together};
use web::{ApiResult, Call, Edge, Speaker, Tenant};

/// The longest note, in characters.
const LONGEST: usize = 20_000;

/// `POST /omega/businesses/{business_id}/conversations/{conversation_id}/notes`: a note stands in the thread, for staff
/// only. It is no message: nothing that sends, quotes or reports can read it.
pub async fn add(
    tenant: Tenant,
    path: PathParams,
    Call { request, .. }: Call,
    State(edge): State<Edge>,
    body: JsonBody,
) -> ApiResult<Json<Value>> {
    let (store, actor) = (edge.store(), tenant.actor());
    let speaker = Speaker::of(&tenant, store, &body).await?;
    let said = body.read(|object| read(object, speaker));
    let (client, (words, staff_id)) = together(path.id("conversation_id"), said)?;
    let now = store.clock().now();
    let at = MessageRef { business: tenant.id(), client, message: MessageId::at(now, 0) };
    let note =
        Note { at, note: words, staff_id, by: actor, is_flagged: false, created_at: now, updated_at: now };
    let id = store.add_note(&note, request, tenant.shards()).await?;
    let id = id.ok_or(Error::NotFound("conversation"))?;
    Ok(Json(json!({"success": true, "message": "Note stored", "message_id": id})))
}

fn read(object: &Object<'_>, speaker: Speaker) -> Option<(Text, Option<StaffId>)> {
    let note = object.required("note", filled(LONGEST)).map(Text);
    let staff = speaker.staff_id(object);
    Some((note?, staff))
}
