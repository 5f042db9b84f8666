//! Records to begin a test with.

use domain::id::{JobId, UserId};
use domain::job::{Job, PayloadPlace, Priority, Status};
use domain::log::Log;
use domain::payload::Payload;
use domain::user::{Email, Role, User, UserName};

use crate::Bed;

/// A user and what it registered with.
#[derive(Clone, Debug)]
pub struct Persona {
    /// The record.
    pub user: User,
    /// Its address.
    pub email: Email,
    /// Its name.
    pub name: UserName,
}

/// A user of that name, not yet written.
#[allow(clippy::unwrap_used, reason = "the names of tests are good names")]
pub fn user(bed: &Bed, name: &str) -> Persona {
    let now = bed.now();
    let email = Email::parse(&format!("{name}@example.com")).unwrap();
    let user = User {
        id: UserId::fresh(now, bed.ambient.entropy()),
        name: name.to_owned(),
        email: email.as_str().to_owned(),
        password_hash: "$argon2id$none".to_owned(),
        role: Role::User,
        signing: None,
        tokens_valid_after: None,
        keys_valid_after: None,
        logged_out_at: None,
        deleted_at: None,
        created_at: now,
        version: 1,
    };
    Persona { user, email, name: UserName::parse(name).unwrap() }
}

/// A pending job of that user, not yet written.
pub fn job(bed: &Bed, owner: UserId) -> Job {
    let now = bed.now();
    Job {
        id: JobId::fresh(now, bed.ambient.entropy()),
        user_id: owner,
        task_name: "report".to_owned(),
        task_type: "simulate".to_owned(),
        payload: PayloadPlace::Here(Payload::empty()),
        priority: Priority::Low,
        status: Status::Pending,
        version: 1,
        max_retries: 3,
        timeout_seconds: domain::job::LONGEST_TIMEOUT,
        timetable: None,
        webhook: None,
        run: None,
        log: Log::default(),
        created_at: now,
        updated_at: now,
        cancel_id: None,
        deleted_at: None,
        expires_at: None,
    }
}
