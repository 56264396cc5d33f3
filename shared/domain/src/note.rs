//! Notes among staff.
//!
//! A note stands in the timeline of a conversation between its messages, and is a type of its own: whatever sends,
//! retries, reports or quotes takes a [`crate::message::Message`], and no function makes one from a note.

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::content::Text;
use crate::id::MessageRef;
use crate::id::StaffId;
use crate::time::Timestamp;

/// A note. The serde shape is the stored shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// Whose, about whom, which. Notes and messages of a conversation share one order of ids.
    #[serde(flatten)]
    pub at: MessageRef,
    /// The words.
    pub note: Text,
    /// Who wrote it, as the caller says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staff_id: Option<StaffId>,
    /// Who stored it.
    #[serde(flatten)]
    pub by: Actor,
    /// Flagged by staff.
    #[serde(default)]
    pub is_flagged: bool,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
