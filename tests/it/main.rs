//! The tests that drive omega as its users do: over HTTP, and by what reaches the provider. One binary, one feature a
//! module; each test starts a system of its own, so none depends on another.

mod app;
mod architecture;
mod inbound;
mod journey;
mod round_trips;
mod lambda_events;
mod statuses;
