//! The project's own tasks: `cargo xtask --help`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool for a terminal talks to the terminal")]

mod bench;
mod ci;
mod cost;
mod crash_points;
mod emulate;
mod iam;
mod lambda;
mod local;
mod mutants;
mod openapi;
mod report;
mod schemathesis;
mod shell;
mod simulate;
mod smoke;
mod stack;
mod template;
mod tests_run;
mod tidy;
mod up;
mod venv;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own tasks")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Runs the whole system on this machine; what follows goes to it (`--help` lists it)
    Up(Passed),
    /// Runs every test of the workspace; what follows goes to the test runner
    Test(Passed),
    /// Does all that CI does
    Ci,
    /// Checks the rules of the house: who uses whom, how long files are, what is forbidden
    Tidy,
    /// Writes openapi.json from the code
    Openapi {
        /// Only compare, and fail if it would change
        #[arg(long)]
        check: bool,
    },
    /// Installs the tools of infra/requirements.txt to target/venv, if they are not there
    Venv,
    /// Checks template.yaml with cfn-lint, the serverless rules, `sam validate --lint` and checkov
    Template,
    /// Deploys template.yaml to a stand-in for AWS on this machine, with the real binaries, and runs the system tests there
    TestStack,
    /// Runs the system tests and holds every call that a function makes against its role
    Iam,
    /// Builds the functions with cargo-lambda and runs them under the Lambda runtime interface emulator
    Emulate,
    /// Disturbs every flow at each of its calls to AWS by each fault, and counts the cases
    CrashPoints(Passed),
    /// Runs jobs of each kind, and prints what AWS would ask for them
    Cost(cost::Cost),
    /// Lives through seeded histories of everything at once, or replays one
    Simulate(simulate::Simulate),
    /// Plants deliberate bugs, one by one, and tells which test catches each
    Mutants(mutants::Mutants),
    /// Lets schemathesis send the running system what its description allows and what it forbids; what follows goes to it
    Schemathesis(Passed),
    /// Walks through a deployment as a user does: registers, runs a job with a webhook to its end, and leaves
    Smoke(smoke::Smoke),
    /// Measures a release build, or, with `cold`, the functions' cold starts; what follows goes to the benchmark
    Bench(Passed),
}

#[derive(clap::Args)]
struct Passed {
    /// Arguments to pass on
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Up(passed) => up::up(&passed.args),
        Task::Test(passed) => tests_run::test(&passed.args),
        Task::Ci => ci::ci(),
        Task::Tidy => tidy::tidy(),
        Task::Openapi { check } => openapi::openapi(check),
        Task::Venv => venv::venv().map(|_| ()),
        Task::Template => template::template(),
        Task::TestStack => stack::test_stack(),
        Task::Iam => iam::iam(),
        Task::Emulate => emulate::emulate(),
        Task::CrashPoints(passed) => crash_points::crash_points(&passed.args),
        Task::Cost(asked) => cost::cost(&asked),
        Task::Simulate(asked) => simulate::simulate(&asked),
        Task::Mutants(asked) => mutants::mutants(&asked),
        Task::Schemathesis(passed) => schemathesis::schemathesis(&passed.args),
        Task::Smoke(asked) => smoke::smoke(&asked),
        Task::Bench(passed) => bench::bench(&passed.args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}
