//! Log lines: JSON where a machine reads them, plain text where a person does. And where what is measured goes.

mod line;

use std::io::IsTerminal;

use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{fmt, registry};

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
        let lines = fmt::layer().with_writer(std::io::stdout).compact().with_target(false);
        registry().with(filter(&level)).with(lines).try_init()
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
    let lines = fmt::layer().fmt_fields(JsonFields::new()).event_format(Line).with_writer(writer);
    registry().with(filter(level)).with(lines)
}

/// What is logged at this level. A text that names no level counts as `info`: a log is no reason not to start.
///
/// The library's other filter can do more, and brings an engine for regular expressions into every function.
fn filter(level: &str) -> Targets {
    // The library reads an empty text as `error`.
    let level = if level.is_empty() { "info" } else { level };
    let level = level.parse().unwrap_or(LevelFilter::INFO);
    let quiet = level.min(LevelFilter::INFO);
    let quiet = QUIET.map(|library| (library, quiet)).into_iter();
    // It writes no line at this level.
    let runtime = std::iter::once((RUNTIME, LevelFilter::INFO));
    Targets::new().with_default(level).with_targets(quiet.chain(runtime))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn libraries_stay_quiet_at_every_level() {
        let all = filter("TRACE");
        assert!(all.would_enable("webhook::deliver", &Level::TRACE));
        assert!(all.would_enable("hyper::client", &Level::INFO));
        for library in ["hyper::client", "aws_smithy_runtime", "rustls::conn"] {
            assert!(!all.would_enable(library, &Level::DEBUG), "{library}");
        }
        let few = filter("error");
        assert!(few.would_enable("hyper", &Level::ERROR) && !few.would_enable("hyper", &Level::INFO));
        assert!(few.would_enable(RUNTIME, &Level::INFO));
    }

    #[test]
    fn an_unknown_level_is_info() {
        for text in ["loud", ""] {
            assert_eq!(filter(text).default_level(), Some(LevelFilter::INFO), "{text}");
        }
    }

    #[test]
    fn starting_twice_is_harmless() {
        init();
        init();
    }
}
