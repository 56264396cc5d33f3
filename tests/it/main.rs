//! The tests that drive omega as its users do: over HTTP, and by what reaches the provider. One binary, one feature a
//! module; each test starts a system of its own, so none depends on another.

mod app;
mod architecture;
mod clients;
mod deaths;
mod faults;
mod http;
mod idempotency;
mod inbound;
mod inbox;
mod journey;
mod lambda_events;
mod locations;
mod messages;
mod onboarding;
mod order;
mod outage;
mod permissions;
mod poison;
mod process;
mod record;
mod recounting;
mod retries;
mod round_trips;
mod search;
mod send_sms;
mod staff;
mod statuses;
mod sweeping;
mod tenancy;
