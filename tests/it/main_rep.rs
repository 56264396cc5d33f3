//! Temporary.
mod app;
mod email_reports;
mod faults;
mod staff;
