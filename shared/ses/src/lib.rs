//! Amazon SES.
