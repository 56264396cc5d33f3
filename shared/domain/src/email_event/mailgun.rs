//! mailgun.
