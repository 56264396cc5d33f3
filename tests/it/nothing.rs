//! Nothing: the tests of this package are in one test binary.
