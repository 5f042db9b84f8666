//! A bed with one owner, and clients of two tempers.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use domain::id::{RunId, UserId};
use domain::job::{Job, Priority, Run, Status};
use domain::payload::Payload;
use domain::time::Moment;
use store::{Created, NewJob, Store};
use testkit::{Bed, TABLE};

pub(crate) struct Desk {
    pub(crate) bed: Bed,
    pub(crate) owner: UserId,
    /// Without faults.
    pub(crate) sound: Store,
    /// Through the faults, with the SDK's repeats.
    pub(crate) patient: Store,
    /// Through the faults, and each call is made once.
    pub(crate) blunt: Store,
}

impl Desk {
    pub(crate) async fn new() -> Self {
        let bed = Bed::new().await;
        let quick = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
        let (patient, blunt) = (client(&bed, quick), client(&bed, RetryConfig::disabled()));
        let owner = UserId::fresh(bed.now(), bed.ambient.entropy());
        Self {
            owner,
            sound: bed.store(),
            patient: Store::new(patient, TABLE),
            blunt: Store::new(blunt, TABLE),
            bed,
        }
    }

    pub(crate) fn now(&self) -> Moment {
        self.bed.now()
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.bed.advance(Duration::from_secs(seconds));
    }

    pub(crate) fn run_id(&self) -> RunId {
        RunId::fresh(self.now(), self.bed.ambient.entropy())
    }

    /// A pending job, not yet written.
    pub(crate) fn draft(&self) -> Job {
        testkit::job(&self.bed, self.owner)
    }

    /// A job in this cell, not yet written.
    pub(crate) fn draft_in(&self, status: Status, priority: Priority) -> Job {
        let mut job = Job { status, priority, ..self.draft() };
        if status != Status::Pending {
            let mut run = Run::new(self.run_id(), self.now());
            run.outcome = status.is_end().then_some(status);
            job.run = Some(run);
        }
        job
    }

    /// A pending job in the table.
    pub(crate) async fn job(&self) -> Job {
        self.write(self.draft()).await
    }

    pub(crate) async fn write(&self, job: Job) -> Job {
        self.write_with(job, Payload::empty()).await
    }

    pub(crate) async fn write_with(&self, job: Job, payload: Payload) -> Job {
        made(self.sound.create_job(NewJob { job, payload }, None, self.now()).await.unwrap())
    }
}

/// The job of a creation that succeeded.
pub(crate) fn made(created: Created) -> Job {
    match created {
        Created::New(job) => *job,
        Created::KeyTaken => panic!("the key was taken"),
    }
}

/// A payload of so many bytes.
pub(crate) fn payload(bytes: usize) -> Payload {
    let text = format!("{{\"text\":\"{}\"}}", "x".repeat(bytes - 11));
    Payload::stored(text).unwrap()
}

fn client(bed: &Bed, retries: RetryConfig) -> Client {
    Client::new(&bed.clients().config().to_builder().retry_config(retries).build())
}
