//! Records as the API shows them: never a hash, a secret or a lease.

mod api_key;
mod delivery;
mod endpoint;
mod job;
mod run;
mod schedule;
mod seen;
mod user;
mod words;

pub use api_key::KeyView;
pub use delivery::{DeliveryView, request_headers, url_for};
pub use endpoint::EndpointView;
pub use job::{JobView, LogView};
pub use run::RunView;
pub use schedule::{RecurrenceShape, ScheduleShape};
pub use seen::{JobReceipt, SeenJob};
pub use user::UserView;
pub use words::{EndedShape, EventShape, ScopeShape};

#[cfg(test)]
mod tests;
