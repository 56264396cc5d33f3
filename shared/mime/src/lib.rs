//! The wire form of a mail: built and read.
//!
//! Pure: bytes in, bytes out. Nothing here sends, stores or looks at the clock.
//!
//! [`build`](fn@build) writes a mail, [`read`](fn@read) reads one of anybody's. Headers, encoded words, charsets
//! and dates are the libraries' work. The tree of parts is cut here, because what arrives is written by strangers:
//! each step of it has a limit, so that no mail takes the stack or the clock with it.

mod automated;
mod build;
mod charset;
mod encoded_word;
mod html;
mod incoming;
mod line;
mod parameters;
mod quote;
mod read;
mod transfer;
mod tree;

#[cfg(test)]
mod damaged;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod linted;
#[cfg(test)]
mod python;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod shapes;

pub use build::{Mailbox, Outgoing, Part, build, encoded_len};
pub use incoming::{Incoming, IncomingPart, Sender};
pub use read::{body_of, fields_of_writer, read};
