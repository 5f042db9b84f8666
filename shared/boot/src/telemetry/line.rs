//! A line of the log as a machine reads it.

use std::fmt;

use serde_json::{Map, Value};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// What Lambda's runtime calls the trace, in a span of its own around each invocation.
const RUNTIME_TRACE: &str = "xrayTraceId";
/// What we call it.
const TRACE: &str = "traceId";

/// One flat JSON object: the event's fields, and those of every span around it, each once. Of two of one name the inner
/// one counts, so that a request's id is API Gateway's, which the caller knows, and not the invocation's.
///
/// Every byte is billed. Where a line was written in the code tells little if all is well, so only what is no such line
/// says so.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut members = Map::new();
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                add(&mut members, fields);
            }
        }
        if let Some(Value::String(header)) = members.remove(RUNTIME_TRACE) {
            members.entry(TRACE).or_insert_with(|| crate::trace::root(&header).unwrap_or(&header).into());
        }
        add(&mut members, &written(event)?);
        let metadata = event.metadata();
        if *metadata.level() != Level::INFO {
            members.insert("target".to_owned(), metadata.target().into());
        }
        writer.write_str("{\"timestamp\":\"")?;
        SystemTime.format_time(&mut writer)?;
        write!(writer, "\",\"level\":\"{}\"", metadata.level())?;
        for (name, value) in &members {
            write!(writer, ",{}:{value}", Value::from(name.as_str()))?;
        }
        writer.write_str("}\n")
    }
}

/// The fields as one JSON object.
fn written(fields: impl RecordFields) -> Result<String, fmt::Error> {
    let mut text = String::new();
    JsonFields::new().format_fields(Writer::new(&mut text), fields)?;
    Ok(text)
}

fn add(members: &mut Map<String, Value>, fields: &str) {
    if let Ok(Value::Object(more)) = serde_json::from_str(fields) {
        members.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use serde_json::json;
    use tracing_subscriber::fmt::format::JsonFields;

    use super::*;

    /// Where a test's log goes.
    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines(log: impl FnOnce()) -> Vec<Value> {
        let paper = Paper::default();
        let writer = paper.clone();
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(JsonFields::new())
            .event_format(Line)
            .with_writer(move || writer.clone());
        tracing::subscriber::with_default(subscriber.finish(), log);
        let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Without what differs from run to run.
    fn members(line: &Value) -> Value {
        let mut line = line.clone();
        let members = line.as_object_mut().unwrap();
        let time = members.remove("timestamp").unwrap();
        assert!(time.as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{time}");
        line
    }

    #[test]
    fn a_line_has_the_members_of_all_that_is_around_it() {
        let header = "Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1";
        let told = lines(|| {
            let runtime =
                tracing::error_span!("Lambda runtime invoke", requestId = "outer", xrayTraceId = header);
            let _in_runtime = runtime.enter();
            tracing::info!(count = 3, left = tracing::field::Empty, "of an invocation");
            let record = tracing::error_span!("record", messageId = "m", job = tracing::field::Empty);
            let _in_record = record.enter();
            record.record("job", tracing::field::display("job_1"));
            tracing::warn!(error = "a \"quoted\" one", job = "job_2", "of a record");
            let request = tracing::error_span!("request", requestId = "inner", traceId = "made");
            let _in_request = request.enter();
            tracing::info!("of a request");
        });
        let trace = "1-67891233-abcdef012345678912345678";
        assert_eq!(
            told.iter().map(members).collect::<Vec<_>>(),
            [
                json!({
                    "level": "INFO", "message": "of an invocation", "count": 3,
                    "requestId": "outer", "traceId": trace,
                }),
                json!({
                    "level": "WARN", "message": "of a record", "error": "a \"quoted\" one", "job": "job_2",
                    "messageId": "m", "requestId": "outer", "traceId": trace, "target": module_path!(),
                }),
                json!({
                    "level": "INFO", "message": "of a request", "job": "job_1", "messageId": "m",
                    "requestId": "inner", "traceId": "made",
                }),
            ]
        );
    }
}
