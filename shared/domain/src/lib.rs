//! The rules of omega, pure.
//!
//! Nothing here does IO, is async, reads the environment or asks for the time: "now" is always an argument.
//! Every other crate depends on this one, and this one on none of them.
//!
//! In reading order:
//!
//! - what can go wrong ([`error`]) and how things are named: [`id`], [`time`], [`phone`], [`email`], [`address`],
//!   [`global_id`];
//! - who takes part: [`access`], [`actor`], [`business`], [`setup`], [`onboarding`], [`mail_domain`], [`location`],
//!   [`staff`], [`client`], [`visitor`];
//! - what they exchange: [`channel`], [`content`], [`message`], [`mail`], [`call`], [`note`], [`conversation`],
//!   [`standing`], [`merging`], [`rooms`];
//! - how staff find it: [`inbox`], [`shards`], [`search`];
//! - what is to be sent ([`draft`]), from where ([`sender`]), to where ([`destination`]), and what a text costs and means:
//!   [`segments`], [`keyword`];
//! - how a delivery ends: [`status`], [`report`], [`failure`], [`delivery`], [`sms_error`], [`email_event`],
//!   [`mail_refusal`], [`email_error`];
//! - which calls may be made ([`voice`]), and what producers hand to consumers ([`job`]).
//!
//! No file imports, by way of others, a file that imports it.

pub mod access;
pub mod actor;
pub mod address;
pub mod business;
pub mod call;
pub mod channel;
pub mod client;
pub mod content;
pub mod conversation;
pub mod delivered;
pub mod delivery;
pub mod destination;
pub mod draft;
pub mod email;
pub mod email_error;
pub mod email_event;
pub mod error;
pub mod failure;
pub mod fold;
pub mod global_id;
pub mod id;
pub mod inbox;
pub mod job;
pub mod keyword;
pub mod location;
pub mod machine;
pub mod mail;
pub mod mail_domain;
pub mod mail_refusal;
pub mod merging;
pub mod message;
pub mod note;
pub mod onboarding;
pub mod phone;
pub mod place;
pub mod proof;
pub mod report;
pub mod rooms;
pub mod search;
pub mod segments;
pub mod sender;
pub mod setup;
pub mod shards;
pub mod sms_error;
pub mod staff;
pub mod standing;
pub mod status;
pub mod threading;
pub mod time;
pub mod unsubscribe;
pub mod visible;
pub mod visitor;
pub mod voice;
pub mod webhook;

pub use error::{Error, FieldError};
pub use id::{BusinessId, ClientId, EntryId, LocationId, MessageId, RequestId, StaffId};
pub use time::{Clock, Timestamp};

/// What every fallible function of omega returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;
