//! What the tests share: a server in the test's own process or on the double of AWS, the program as a process to be killed, a receiver that counts, the stores of the double, and the suite that every adapter of the ports must pass.

pub mod home;
pub mod several;
pub mod double;
pub mod stores;
pub mod server;
pub mod process;
pub mod receiver;
pub mod ports;
