//! What a process needs before its first event: configuration, telemetry, clients, secrets and a clock.
//!
//! These are the only places that read the environment, the clock and the operating system's randomness.

pub mod clients;
pub mod clock;
pub mod config;
pub mod secrets;
pub mod telemetry;
pub mod trace;
pub mod vault;

pub use clock::Ambient;
pub use config::Vars;
pub use secrets::SecretCache;
pub use vault::Vault;
