//! Temporary.
#![allow(dead_code)]
mod app;
mod desk;
mod email_deaths;
mod email_sending;
mod faults;
mod ledger;
