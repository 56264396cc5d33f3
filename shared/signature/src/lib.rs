//! Signatures that other parties put over the requests they send us.
//!
//! Everything here works on raw bytes: the address exactly as the sender requested it and the body exactly as
//! it arrived. There is no axum or Lambda type in sight on purpose. A framework that has decoded, reordered or
//! re-encoded anything has already lost what was signed; handlers pass on what they received and nothing else.
//!
//! Signatures that *we* issue do not belong here.

pub mod twilio;
