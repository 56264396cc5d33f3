//! While in the making.

mod app;
