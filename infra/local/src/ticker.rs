//! EventBridge's part: the scheduler's tick, once a minute.

use std::sync::Arc;
use std::time::Duration;

use boot::Ambient;
use scheduler::Scheduler;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::invocation;

/// How often the rule fires.
const RATE: Duration = Duration::from_secs(60);
/// How often the clock is looked at: a machine that slept, and a clock of a test, go on in leaps.
const LOOK: Duration = Duration::from_millis(250);

/// Ticks at once, for what was missed while nothing ran, and then every minute.
pub(crate) async fn run(scheduler: Arc<Scheduler>, ambient: Ambient, stop: CancellationToken) {
    let mut due = ambient.now();
    loop {
        let began = ambient.now();
        let event = serde_json::json!({ "time": due.to_string() });
        scheduler.handle(event).instrument(invocation::span("scheduler", &ambient)).await;
        due = began.plus(RATE);
        while ambient.now().since(began) < RATE {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        if stop.is_cancelled() {
            return;
        }
    }
}
