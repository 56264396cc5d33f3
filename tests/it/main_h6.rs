//! While in the making.

mod app;
mod deaths;
mod faults;
mod order;
mod outage;
mod poison;
mod retries;
mod sweeping;
