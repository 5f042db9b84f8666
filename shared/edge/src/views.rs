//! Records as the API shows them: never a hash, a secret or a lease.

mod delivery;
mod job;
mod user;

pub use delivery::DeliveryView;
pub use job::{JobView, LogView};
pub use user::UserView;

#[cfg(test)]
mod tests;
