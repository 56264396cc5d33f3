//! postmark.
