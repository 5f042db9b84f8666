//! Log lines: JSON where a machine reads them, plain text where a person does. And where what is measured goes.

mod line;

use std::io::IsTerminal;

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::Vars;
use line::Line;

/// Puts a span around each invocation, with its ids, which every line shall have, whatever the level.
const RUNTIME: &str = "lambda_runtime";

/// Libraries whose finer levels print requests with their bodies and tokens.
const QUIET: [&str; 8] = [
    "aws_config",
    "aws_runtime",
    "aws_smithy_http_client",
    "aws_smithy_runtime",
    "h2",
    "hyper",
    "hyper_util",
    "rustls",
];

/// Starts the log of this process, at the level that `LOG_LEVEL` names (`info` without one).
///
/// In Lambda, and wherever standard output is no terminal, each line is one JSON object; in Lambda what is measured
/// goes there too. A second call does nothing, so that several functions may share one process.
pub fn init() {
    let mut vars = Vars::from_process();
    let level = vars.or("LOG_LEVEL", "info".to_owned());
    let function = vars.text("AWS_LAMBDA_FUNCTION_NAME");
    if let Some(function) = &function {
        meter::emf::install(function);
    }
    let outcome = if function.is_some() || !std::io::stdout().is_terminal() {
        lines(&level, std::io::stdout).try_init()
    } else {
        let builder = tracing_subscriber::fmt().with_env_filter(filter(&level)).with_writer(std::io::stdout);
        builder.compact().with_target(false).finish().try_init()
    };
    if outcome.is_err() {
        tracing::debug!("the log of this process was set up before");
    }
}

/// The log as machines read it, for whoever counts its lines.
pub fn lines<W>(level: &str, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt().with_env_filter(filter(level)).with_writer(writer);
    builder.fmt_fields(JsonFields::new()).event_format(Line).finish()
}

/// What is logged at this level. A text that names no level counts as `info`: a log is no reason not to start.
fn filter(level: &str) -> EnvFilter {
    // The library reads an empty text as `error`.
    let level = if level.is_empty() { "info" } else { level };
    let level = level.parse().unwrap_or(LevelFilter::INFO);
    let mut filter = EnvFilter::default().add_directive(level.into());
    let quiet = QUIET.map(|library| (library, level.min(LevelFilter::INFO)));
    // It writes no line at this level.
    for (library, level) in quiet.into_iter().chain([(RUNTIME, LevelFilter::INFO)]) {
        if let Ok(directive) = format!("{library}={level}").parse() {
            filter = filter.add_directive(directive);
        }
    }
    filter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_stay_quiet_at_every_level() {
        let all = filter("TRACE").to_string();
        assert!(all.contains("hyper=info") && all.contains("aws_smithy_runtime=info"), "{all}");
        assert!(all.contains("trace"), "{all}");
        let few = filter("error").to_string();
        assert!(few.contains("hyper=error") && few.contains("lambda_runtime=info"), "{few}");
    }

    #[test]
    fn an_unknown_level_is_info() {
        assert_eq!(filter("loud").max_level_hint(), Some(LevelFilter::INFO));
        assert_eq!(filter("").max_level_hint(), Some(LevelFilter::INFO));
    }

    #[test]
    fn starting_twice_is_harmless() {
        init();
        init();
    }
}
