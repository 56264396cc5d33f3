//! The shared inbox: what a list can ask for, and how it is counted.
//!
//! Every client is counted in exactly one [`Cell`]: the combination of everything a filter can ask for. The number of
//! conversations behind any combination of filters is the sum over the cells that match, and the list shows the
//! conversations whose cell matches. Count and list share one predicate, [`ConversationFilter::matches`].

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::channel::Channel;
use crate::client::ClientType;
use crate::id::{LocationId, StaffId};
use crate::standing::ConversationStatus;
use crate::standing::Standing;

/// How a client is counted: everything a filter can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cell {
    /// What kind of client.
    pub client_type: Option<ClientType>,
    /// Home location.
    pub location: Option<LocationId>,
    /// How their conversation stands; `None` when there is none.
    pub standing: Option<Standing>,
}

impl fmt::Display for Cell {
    /// The cell as it stands in a key: `client:-:open:12:u:-:sms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_dash = |id: Option<u64>| id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        let kind = self.client_type.map_or("-", ClientType::as_str);
        write!(f, "{kind}:{}", or_dash(self.location.map(|id| id.get())))?;
        let Some(standing) = &self.standing else { return Ok(()) };
        write!(
            f,
            ":{}:{}:{}:{}:{}",
            standing.status.as_str(),
            or_dash(standing.assignee.map(|id| id.get())),
            if standing.unread { "u" } else { "-" },
            if standing.flagged { "f" } else { "-" },
            standing.channel.map_or("-", Channel::as_str),
        )
    }
}

impl Cell {
    /// The cell that a key shows.
    pub fn parse(text: &str) -> Option<Cell> {
        fn optional<T>(part: &str, read: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
            if part == "-" { Some(None) } else { read(part).map(Some) }
        }
        fn number<K>(part: &str) -> Option<crate::id::Id<K>> {
            crate::id::Id::new(part.parse().ok()?)
        }
        let parts: Vec<&str> = text.split(':').collect();
        let (kind, location, standing) = match parts.as_slice() {
            [kind, location] => (kind, location, None),
            [kind, location, status, assignee, unread, flagged, channel] => {
                let standing = Standing {
                    status: ConversationStatus::ALL.into_iter().find(|known| known.as_str() == *status)?,
                    assignee: optional(assignee, number)?,
                    unread: *unread == "u",
                    flagged: *flagged == "f",
                    channel: optional(channel, |word| {
                        Channel::ALL.into_iter().find(|known| known.as_str() == word)
                    })?,
                };
                (kind, location, Some(standing))
            }
            _ => return None,
        };
        let kind = optional(kind, |word| ClientType::ALL.into_iter().find(|known| known.as_str() == word))?;
        Some(Cell { client_type: kind, location: optional(location, number)?, standing })
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Cell::parse(&text).ok_or_else(|| serde::de::Error::custom("not a cell"))
    }
}

/// To whom a conversation has to be assigned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Assignment {
    /// Whoever it is.
    #[default]
    All,
    /// To somebody.
    Assigned,
    /// To nobody.
    Unassigned,
    /// To this one.
    To(StaffId),
}

/// What has to be among the messages of a conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageFilter {
    /// Anything.
    #[default]
    All,
    /// Something unread.
    Unread,
    /// Something flagged.
    Flagged,
}

/// What a list of conversations asks for; all of it has to be true.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct ConversationFilter {
    /// Assignee.
    pub assignment: Assignment,
    /// Status.
    pub status: Option<ConversationStatus>,
    /// Messages.
    pub messages: MessageFilter,
    /// Channel of the last message.
    pub channel: Option<Channel>,
    /// Home location of the client.
    pub location: Option<LocationId>,
}

impl MessageFilter {
    /// Every value.
    pub const ALL: [MessageFilter; 3] = [MessageFilter::All, MessageFilter::Unread, MessageFilter::Flagged];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            MessageFilter::All => "all",
            MessageFilter::Unread => "unread",
            MessageFilter::Flagged => "flagged",
        }
    }
}

impl ConversationFilter {
    /// Whether a conversation that is counted in `cell` is asked for. A client without a conversation never is.
    pub fn matches(&self, cell: &Cell) -> bool {
        let Some(standing) = &cell.standing else { return false };
        let assigned = match self.assignment {
            Assignment::All => true,
            Assignment::Assigned => standing.assignee.is_some(),
            Assignment::Unassigned => standing.assignee.is_none(),
            Assignment::To(staff) => standing.assignee == Some(staff),
        };
        let messages = match self.messages {
            MessageFilter::All => true,
            MessageFilter::Unread => standing.unread,
            MessageFilter::Flagged => standing.flagged,
        };
        assigned
            && messages
            && self.status.is_none_or(|status| status == standing.status)
            && self.channel.is_none_or(|channel| Some(channel) == standing.channel)
            && self.location.is_none_or(|location| Some(location) == cell.location)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn cells() -> impl Strategy<Value = Cell> {
        let standing =
            (0..4usize, proptest::option::of(0..=crate::id::MAX), any::<(bool, bool)>(), 0..5usize);
        let kind = prop_oneof![Just(None), Just(Some(ClientType::Client)), Just(Some(ClientType::Lead))];
        let location = proptest::option::of(0..=crate::id::MAX);
        (kind, location, proptest::option::of(standing)).prop_map(|(client_type, location, standing)| Cell {
            client_type,
            location: location.and_then(LocationId::new),
            standing: standing.map(|(status, assignee, (unread, flagged), channel)| Standing {
                status: ConversationStatus::ALL[status],
                assignee: assignee.and_then(StaffId::new),
                unread,
                flagged,
                channel: Channel::ALL.get(channel).copied(),
            }),
        })
    }

    proptest! {
        #[test]
        fn a_cell_is_read_as_it_was_written(cell in cells()) {
            prop_assert_eq!(Cell::parse(&cell.to_string()), Some(cell));
        }

        #[test]
        fn every_conversation_is_behind_exactly_one_status_and_one_of_assigned_and_unassigned(cell in cells()) {
            let behind = |filter: ConversationFilter| usize::from(filter.matches(&cell));
            let all = behind(ConversationFilter::default());
            let by_status: usize = ConversationStatus::ALL
                .map(|status| behind(ConversationFilter { status: Some(status), ..Default::default() }))
                .iter()
                .sum();
            let by_assignment: usize = [Assignment::Assigned, Assignment::Unassigned]
                .map(|assignment| behind(ConversationFilter { assignment, ..Default::default() }))
                .iter()
                .sum();
            prop_assert_eq!(all, usize::from(cell.standing.is_some()));
            prop_assert_eq!(by_status, all);
            prop_assert_eq!(by_assignment, all);
        }
    }
}
