//! The wire form of a mail: built and read.
