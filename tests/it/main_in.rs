//! Temporary.
mod app;
mod email_inbound;
mod faults;
mod ledger;
