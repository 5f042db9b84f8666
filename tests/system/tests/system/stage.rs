//! A world whose webhooks arrive.

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::job::Job;
use domain::time::Moment;
use http::StatusCode;
use serde_json::{Value, json};

use crate::sink::{Arrival, Sink};
use crate::world::World;

pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) sink: Sink,
    mended: Arc<AtomicBool>,
    began: Moment,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let mut world = World::new().await;
        world.delivers = true;
        world.loses_ticks = true;
        let mended = Arc::new(AtomicBool::new(false));
        let (sink, began) = (Sink::new(judge(Arc::clone(&mended))).await, world.bed.now());
        // Jobs that do not come over the API need a secret that signs for them.
        let secret = world.call("GET", "/webhooks/secret", &Value::Null).await.unwrap();
        assert_eq!(secret.status, StatusCode::OK, "{}", secret.body);
        Self { world, sink, mended, began }
    }

    /// When all this began.
    pub(crate) fn began(&self) -> Moment {
        self.began
    }

    /// From now on the receiver that had to be mended takes what comes.
    pub(crate) fn mend(&self) {
        self.mended.store(true, Ordering::SeqCst);
    }

    /// The address of a receiver that answers as its path says.
    pub(crate) fn hook(&self, path: &str) -> String {
        format!("{}/{path}", self.sink.base)
    }

    /// A pending job that tells a receiver which takes everything.
    pub(crate) async fn job(&self, payload: &Value, max_retries: u32) -> Job {
        self.job_for("taken", payload, max_retries).await
    }

    /// A pending job that tells a receiver of that path.
    pub(crate) async fn job_for(&self, path: &str, payload: &Value, max_retries: u32) -> Job {
        let draft = testkit::job(&self.world.bed, self.world.owner);
        self.world.written(Job { max_retries, ..draft }, payload, &self.hook(path)).await
    }

    /// An endpoint of the owner's for every event; its id.
    pub(crate) async fn endpoint(&self, path: &str) -> String {
        let body = json!({"url": self.hook(path), "events": ["*"]});
        let made = self.world.call("POST", "/webhooks", &body).await.unwrap();
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        made.body["id"].as_str().unwrap().to_owned()
    }

    /// Has every schedule that rests go on.
    pub(crate) async fn resume_all(&self) {
        for row in self.world.bed.rows(None).await {
            if row["sk"] == "JOB" && row["deletedAt"].is_null() {
                let path = format!("/jobs/{}/resume", row["id"].as_str().unwrap());
                self.world.call("POST", &path, &Value::Null).await;
            }
        }
    }

    /// Lets time pass until nothing is left to do.
    pub(crate) async fn settle(&self) {
        self.world.settle_until(async || !self.world.ticks.get() || self.world.nothing_is_due().await).await;
    }
}

/// A payload that stands beside its job.
pub(crate) fn large() -> Value {
    json!({"text": "x".repeat(2_000)})
}

/// What was said by who panicked.
pub(crate) fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    text.unwrap_or_else(|| "it panicked".to_owned())
}

/// Answers as the path says: `broken` takes nothing, `gone` is gone, `second` takes what comes a second time, `mended`
/// takes what comes once it is mended, and everybody else takes everything.
fn judge(mended: Arc<AtomicBool>) -> impl FnMut(&Arrival) -> StatusCode {
    let mut known = BTreeSet::new();
    move |arrival| {
        let takes = match arrival.path.rsplit('/').next().unwrap_or_default() {
            "gone" => return StatusCode::GONE,
            "broken" => false,
            "second" => !known.insert(arrival.header("webhook-id").to_owned()),
            "mended" => mended.load(Ordering::SeqCst),
            _ => true,
        };
        if takes { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR }
    }
}
