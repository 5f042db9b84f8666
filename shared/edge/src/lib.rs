//! What every HTTP function shares: problems, authentication, reading of requests, paging, rate limits, and the
//! router that all of it hangs on.
//!
//! Only this room knows HTTP: the domain refuses, the store fails, and here it becomes a status and a text.

pub mod address;
pub mod caller;
pub mod code;
pub mod cors;
pub mod credentials;
pub mod cursor;
pub mod described;
pub mod if_match;
pub mod lambda;
pub mod openapi;
pub mod path;
pub mod problem;
pub mod query;
pub mod rate;
pub mod request;
pub mod router;
pub mod tokens;
pub mod trace;
pub mod views;

pub use caller::{Caller, Credential, HasSessions, ReadCaller, RunCaller, SessionCaller, Sessions};
pub use code::Code;
pub use cors::CorsPolicy;
pub use if_match::{IfMatch, etag};
pub use path::PathId;
pub use problem::{Answer, Problem};
pub use query::Query;
pub use request::{JsonFields, RawBody};
