//! Wire types that more than one function uses. What is stored has its own shape, in `domain`.

pub mod client;
pub mod conversation;
pub mod location;
pub mod message;
pub mod staff;
pub mod terms;
pub mod words;
