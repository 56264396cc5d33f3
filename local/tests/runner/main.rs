//! The runner as a person starts it: the binary, its files, everything it prints.

mod clients;
mod destinations;
mod privacy;
mod restart;
mod running;
mod tour;
mod webhooks;
