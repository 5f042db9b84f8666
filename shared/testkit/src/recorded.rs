//! What the code under test measures.

use std::collections::BTreeMap;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

/// Keeps what is measured on this thread, until it is dropped. A test with one thread sees all of its own.
pub struct Recorded {
    snapshotter: Snapshotter,
    _guard: metrics::LocalRecorderGuard<'static>,
}

impl Recorded {
    /// From here on.
    #[must_use]
    pub fn start() -> Self {
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        let recorder: &'static DebuggingRecorder = Box::leak(Box::new(recorder));
        Self { snapshotter, _guard: metrics::set_default_local_recorder(recorder) }
    }

    /// What was measured since the last look: counts, and all values of a time, in order. What has a priority is found
    /// under `JobsCreated high`.
    #[must_use]
    pub fn take(&self) -> BTreeMap<String, Vec<u64>> {
        let mut all = BTreeMap::new();
        for (key, _, _, value) in self.snapshotter.snapshot().into_vec() {
            let labels = key.key().labels().map(|label| format!(" {}", label.value()));
            let name: String = std::iter::once(key.key().name().to_owned()).chain(labels).collect();
            let mut values: Vec<u64> = match value {
                DebugValue::Counter(0) => continue,
                DebugValue::Counter(count) => vec![count],
                DebugValue::Gauge(value) => vec![whole(value.0)],
                DebugValue::Histogram(values) => values.into_iter().map(|value| whole(value.0)).collect(),
            };
            values.sort_unstable();
            if !values.is_empty() {
                all.insert(name, values);
            }
        }
        all
    }
}

/// What is measured is whole and not negative.
#[allow(clippy::panic, reason = "a test that measures parts of a millisecond has failed")]
fn whole(value: f64) -> u64 {
    let text = format!("{value}");
    text.parse().unwrap_or_else(|_| panic!("{text} is no whole number"))
}
