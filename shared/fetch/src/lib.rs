//! Downloads from addresses that strangers name.
