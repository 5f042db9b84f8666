//! What the program does: the whole system, the engines alone, the description of the API, or a look at its health.

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use boot::clock::SystemClock;
use clap::Parser;
use engine::Engine;
use tokio::net::TcpListener;

use crate::settings::{Command, CommandLine, Settings};
use crate::{System, demo, engines, health, openapi, welcome};

/// Does what the command line says.
pub async fn main() -> ExitCode {
    let line = CommandLine::parse();
    let done = match &line.command {
        Some(Command::Openapi) => print_openapi(),
        Some(Command::Engine { port }) => serve_engines(*port).await,
        Some(Command::Health { host, port }) => health::check(SocketAddr::new(*host, *port)).await,
        None => up(&line.settings).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

async fn up(settings: &Settings) -> Result<(), Box<dyn Error>> {
    boot::telemetry::init();
    let system = System::start(settings).await?;
    let base = format!("http://{}", system.address());
    tell(&welcome::text(settings, &base, system.outbound()));
    tracing::info!(address = %system.address(), "listening");
    if settings.demo {
        demo::fill(&system.routes()).await?;
    }
    stop_signal().await;
    tell("\nFinishing what is on; Ctrl-C again to stop at once.");
    tokio::select! {
        () = system.drain() => tell("Stopped."),
        () = stop_signal() => tell("Stopped at once; what was on goes on at the next start."),
    }
    Ok(())
}

async fn serve_engines(port: u16) -> Result<(), Box<dyn Error>> {
    let engine = Engine::open(engine::Options { data_dir: None, clock: Arc::new(SystemClock) })?;
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await?;
    tell(&format!("listening on http://{}", listener.local_addr()?));
    axum::serve(listener, engines::routes(&engine)).with_graceful_shutdown(stop_signal()).await?;
    Ok(())
}

#[allow(clippy::print_stdout, reason = "it is what was asked for")]
fn print_openapi() -> Result<(), Box<dyn Error>> {
    println!("{}", openapi::document()?);
    Ok(())
}

/// Standard output is the log's.
#[allow(clippy::print_stderr, reason = "for the person at the terminal")]
fn tell(text: &str) {
    eprintln!("{text}");
}

fn complain(error: &dyn Error) {
    let mut text = format!("nightjar-local: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    tell(&text);
}

/// Ctrl-C, or the signal by which a supervisor asks a process to end.
async fn stop_signal() {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate => {}
    }
}
