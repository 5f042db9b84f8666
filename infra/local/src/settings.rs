//! What the command line says.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use boot::Ambient;
use clap::{Args, Parser, Subcommand};

use crate::clock::FastClock;

/// Nightjar on one machine: the API, the workers, the webhooks and the queues in one process.
///
/// Every variable that a Lambda function of the system reads is read here too (docs/CONFIGURATION.md has the
/// list); what is not set gets a default that fits one machine.
#[derive(Debug, Parser)]
#[command(name = "nightjar-local", version)]
pub struct CommandLine {
    /// What to do; without a command, the whole system starts.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How the system starts.
    #[command(flatten)]
    pub settings: Settings,
}

/// Other things than starting the system.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the description of the API (OpenAPI).
    Openapi,
    /// Serve the engines alone over HTTP, for functions in processes of their own (AWS_ENDPOINT_URL).
    Engine {
        /// The port to listen on.
        #[arg(long, default_value_t = 4566)]
        port: u16,
    },
    /// Fail unless the system that listens here answers that it is well.
    Health {
        /// The address to ask.
        #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
        host: IpAddr,
        /// The port to ask.
        #[arg(long, env = "PORT", default_value_t = 3000)]
        port: u16,
    },
}

/// How the system starts.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// The port to listen on; 0 for any that is free.
    #[arg(long, env = "PORT", default_value_t = 3000)]
    pub port: u16,
    /// The address to listen on. The default lets nobody in from outside.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub host: IpAddr,
    /// Where the table, the queues and the secrets are kept.
    #[arg(long, default_value = ".nightjar")]
    pub data_dir: PathBuf,
    /// Keep everything in memory, gone with the process.
    #[arg(long, conflicts_with = "data_dir")]
    pub ephemeral: bool,
    /// Fill in an account with sample jobs in every state.
    #[arg(long)]
    pub demo: bool,
    /// Where every event is sent besides a job's own webhook (WEBHOOK_URL).
    #[arg(long)]
    pub webhook_url: Option<String>,
    /// For tests: a clock that runs faster than the machine's.
    #[arg(long, env = "NIGHTJAR_CLOCK", hide = true)]
    pub clock: Option<FastClock>,
    /// For tests: a folder where every call that a function makes to AWS is written down.
    #[arg(long, env = "NIGHTJAR_CALLS", hide = true)]
    pub calls: Option<PathBuf>,
}

impl Settings {
    /// The clock and the randomness of all parts.
    pub(crate) fn ambient(&self) -> Ambient {
        let system = Ambient::system();
        match self.clock {
            Some(clock) => Ambient { clock: Arc::new(clock), ..system },
            None => system,
        }
    }

    /// Where the engines keep their files, if anywhere.
    pub fn data_dir(&self) -> Option<PathBuf> {
        (!self.ephemeral).then(|| self.data_dir.clone())
    }

    /// Where to listen.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }
}
