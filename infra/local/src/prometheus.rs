//! `GET /metrics`: the numbers that CloudWatch gets in the cloud, for Prometheus.

use std::sync::OnceLock;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use edge::Answer;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use tokio_util::sync::CancellationToken;

use crate::hosts::Privacy;

/// The version of the text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How often what was measured is put into its buckets: until then each value is kept.
const UPKEEP: Duration = Duration::from_secs(5);
/// Milliseconds, for times of a few of them and for such of minutes.
const BUCKETS: [f64; 14] = [
    5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0, 30_000.0, 60_000.0,
    300_000.0,
];

/// What is recorded is the process's: several systems in one process, as in tests, share it.
static RECORDED: OnceLock<PrometheusHandle> = OnceLock::new();

/// Records what the functions of this process measure, from the first call on.
pub(crate) fn install() -> Result<PrometheusHandle, BuildError> {
    if let Some(handle) = RECORDED.get() {
        return Ok(handle.clone());
    }
    let recorder =
        PrometheusBuilder::new().with_recommended_naming(true).set_buckets(&BUCKETS)?.build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(Renamed(recorder)).is_ok() {
        meter::describe();
        return Ok(RECORDED.get_or_init(|| handle).clone());
    }
    // Somebody else was first; what is not there yet will be in a moment.
    Ok(RECORDED.get().cloned().unwrap_or(handle))
}

/// The route, for this machine alone: how busy somebody is, is nobody else's business.
pub(crate) fn routes(recorded: PrometheusHandle, privacy: Privacy) -> Router {
    Router::new().route(
        "/metrics",
        get(move |request: Parts| {
            let told: Answer<String> =
                privacy.admit("/metrics", &request.uri, &request.headers).map(|()| recorded.render());
            async move { told.map(|text| ([(CONTENT_TYPE, TEXT)], text)) }
        }),
    )
}

/// Keeps what is measured from piling up while nobody asks for it.
pub(crate) async fn keep(recorded: PrometheusHandle, stop: CancellationToken) {
    while !stop.is_cancelled() {
        recorded.run_upkeep();
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(UPKEEP) => {}
        }
    }
}

/// Prometheus's names for CloudWatch's.
struct Renamed(PrometheusRecorder);

impl Recorder for Renamed {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0.describe_counter(name(key.as_str()).into(), unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0.describe_gauge(name(key.as_str()).into(), unit, description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0.describe_histogram(name(key.as_str()).into(), unit, description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.0.register_counter(&renamed(key), metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.0.register_gauge(&renamed(key), metadata)
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        self.0.register_histogram(&renamed(key), metadata)
    }
}

fn renamed(key: &Key) -> Key {
    let label = |label: &Label| Label::new(label.key().to_ascii_lowercase(), label.value().to_owned());
    Key::from_parts(name(key.name()), key.labels().map(label).collect::<Vec<_>>())
}

/// `JobsCreated` becomes `nightjar_jobs_created`.
fn name(theirs: &str) -> String {
    theirs.chars().fold("nightjar".to_owned(), |mut name, letter| {
        if letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
        name
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_prometheus_wants_them() {
        assert_eq!(name("JobsCreated"), "nightjar_jobs_created");
        let key = Key::from_parts("QueueLatency", vec![Label::new("Priority", "high")]);
        assert_eq!(renamed(&key).to_string(), "Key(nightjar_queue_latency, [priority = high])");
    }
}
