//! One binary for all integration tests.

mod ports_local;
