//! The filters of the inbox: how they are read, and how many conversations are behind each. The catalogue is made of the
//! same words and of the same [`ConversationFilter`] as the list, so it offers what the list takes and counts what it
//! shows.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use domain::channel::Channel;
use domain::inbox::{Assignment, ConversationFilter, MessageFilter};
use domain::standing::ConversationStatus;
use domain::{LocationId, StaffId};
use serde::Serialize;
use serde_json::Value;
use store::counts::Counts;
use web::read::{Object, Problem, id};
use web::schemas::words::{CHANNEL, CONVERSATION_STATUS, MESSAGE_FILTER};
use web::{ApiResult, Edge, Tenant};

/// One value of one filter.
#[derive(Debug, Serialize)]
pub struct FilterOption {
    /// What to pass.
    value: Value,
    /// What to show, for values that are ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Conversations behind it.
    count: u64,
}

/// The values of `assignment`; the last is for staff only.
const ASSIGNMENTS: [&str; 4] = ["all", "assigned", "unassigned", "assigned_to_me"];

/// What a word of `assignment` means to the caller.
fn assignment(word: &str, me: Option<StaffId>) -> Option<Assignment> {
    match word {
        "all" => Some(Assignment::All),
        "assigned" => Some(Assignment::Assigned),
        "unassigned" => Some(Assignment::Unassigned),
        "assigned_to_me" => me.map(Assignment::To),
        _ => None,
    }
}

/// Reads the filters of a list.
pub fn read(object: &Object<'_>, me: Option<StaffId>) -> Option<ConversationFilter> {
    let assigned = object.optional("assignment", |value| {
        let word = value.as_str().unwrap_or_default();
        match assignment(word, me) {
            Some(assignment) => Ok(assignment),
            None if ASSIGNMENTS.contains(&word) => {
                Err(Problem::value("an API key is no member of the staff: assigned_to_me needs a session"))
            }
            None => Err(Problem::one_of(&ASSIGNMENTS)),
        }
    });
    if object.raw("label").is_some() {
        object.refuse("label", Problem::value("conversations are not filtered by label"));
    }
    let filter = ConversationFilter {
        assignment: assigned.unwrap_or_default(),
        status: object.optional("status", CONVERSATION_STATUS),
        messages: object.optional("message_filter", MESSAGE_FILTER).unwrap_or_default(),
        channel: object.optional("channel", CHANNEL),
        location: object.optional::<LocationId>("location_id", id),
    };
    Some(filter)
}

/// `GET /omega/businesses/{business_id}/conversations/filters`: every filter with its values and the count of
/// conversations behind each.
pub async fn catalogue(
    tenant: Tenant,
    State(edge): State<Edge>,
) -> ApiResult<Json<BTreeMap<&'static str, Vec<FilterOption>>>> {
    let overview = edge.store().overview(tenant.id(), tenant.shards()).await?;
    let counts = &overview.counts;
    let mut options = BTreeMap::new();
    let assignments = ASSIGNMENTS.iter().filter_map(|word| {
        let assignment = assignment(word, tenant.staff_id())?;
        Some(option(counts, *word, ConversationFilter { assignment, ..Default::default() }))
    });
    options.insert("assignment", assignments.collect());
    let statuses = ConversationStatus::ALL.map(|status| {
        option(counts, status.as_str(), ConversationFilter { status: Some(status), ..Default::default() })
    });
    options.insert("status", statuses.into());
    let messages = MessageFilter::ALL.map(|messages| {
        option(counts, messages.as_str(), ConversationFilter { messages, ..Default::default() })
    });
    options.insert("message_filter", messages.into());
    let channels = Channel::ALL.map(|channel| {
        option(counts, channel.as_str(), ConversationFilter { channel: Some(channel), ..Default::default() })
    });
    options.insert("channel", channels.into());
    options.insert("location_id", locations(counts, &overview.locations));
    Ok(Json(options))
}

/// Locations that the directory names, by name, and then those that only conversations have.
fn locations(counts: &Counts, known: &[domain::location::Location]) -> Vec<FilterOption> {
    let mut names: BTreeMap<LocationId, Option<String>> =
        known.iter().map(|location| (location.location_id, Some(location.label.clone()))).collect();
    for (cell, _) in counts.cells() {
        if let Some(location) = cell.location.filter(|_| cell.standing.is_some()) {
            names.entry(location).or_default();
        }
    }
    let mut options: Vec<FilterOption> = names
        .into_iter()
        .map(|(location, name)| {
            let filter = ConversationFilter { location: Some(location), ..Default::default() };
            FilterOption { name, ..option(counts, location.get(), filter) }
        })
        .collect();
    options.sort_by_key(|option| {
        option.name.as_ref().map(|name| domain::fold::fold(name)).map_or((1, String::new()), |name| (0, name))
    });
    options
}

fn option(counts: &Counts, value: impl Into<Value>, filter: ConversationFilter) -> FilterOption {
    FilterOption { value: value.into(), name: None, count: counts.of(|cell| filter.matches(cell)) }
}
