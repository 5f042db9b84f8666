//! Two jobs' ways through the functions, one run by hand and one by its schedule, and bad input on the way.

use std::path::Path;

use serde_json::{Value, json};

use super::engine::{Engine, with_body};
use super::events::Events;
use super::host::Function;
use super::receiver::Hook;
use crate::shell::Failure;

/// Register, log in, create, run, execute, deliver, read: every step by the real binary.
pub(super) fn walk(emulator: &Path, engine: &Engine) -> Result<(), Failure> {
    let mut events = Events::read()?;
    let hook = Hook::listen()?;
    let mut variables = engine.variables();
    for (name, value) in [("SIMULATED_TASK_MS", "0"), ("EGRESS_ALLOW", "127.0.0.0/8")] {
        variables.push((name.to_owned(), value.to_owned()));
    }
    let start = |name| Function::start(emulator, name, &variables);

    let auth = start("auth")?;
    ask_all(&auth, &events, &["auth/register.v2", "auth/malformed-json.v1", "auth/login-wrong-password.v1"])?;
    let session = ask(&auth, &events, "auth/login.v1")?;
    events.put("token", text(&session, "token")?);
    drop(auth);

    let jobs = start("jobs")?;
    let bad = [
        "jobs/health.v1",
        "jobs/list-alg-none.v1",
        "jobs/create-not-utf-8.v2",
        "jobs/create-deeply-nested.v1",
    ];
    ask_all(&jobs, &events, &bad)?;
    let created = ask_with(&jobs, &events, "jobs/create.v2", |body| body["webhookUrl"] = hook.url().into())?;
    let job = text(&created, "jobId")?;
    events.put("job", &job);
    ask_all(&jobs, &events, &["jobs/list.v2", "jobs/get.v1", "jobs/list-forged-cursor.v2"])?;

    let run = start("run")?;
    ask_all(&run, &events, &["run/run-no-token.v1", "run/run-absent.v2", "run/run.v2"])?;
    drop(run);

    let worker = start("worker")?;
    ask_all(&worker, &events, &["worker/malformed-json", "worker/wrong-types", "worker/run-absent"])?;
    let message = engine.receive("JOBS_HIGH_QUEUE_URL")?;
    handle(&worker, &events, "worker/run", &message)?;
    drop(worker);

    let webhook = start("webhook")?;
    ask_all(&webhook, &events, &["webhook/malformed-json", "webhook/wrong-types"])?;
    let message = engine.receive("WEBHOOK_QUEUE_URL")?;
    handle(&webhook, &events, "webhook/deliver", &message)?;
    drop(webhook);

    let delivered = hook.heard()?;
    for header in ["webhook-id", "webhook-timestamp", "webhook-signature", "x-signature"] {
        delivered.header(header).ok_or_else(|| Failure::new(format!("the webhook has no {header}")))?;
    }
    if !delivered.body.contains(&job) {
        return Err(Failure::new(format!("the webhook tells of another job: {}", delivered.body)));
    }
    is_completed(&jobs, &events)?;
    println!("ok: the job was completed and its webhook delivered");

    let endpoints = start("endpoints")?;
    try_an_endpoint(&endpoints, &mut events)?;
    drop(endpoints);

    schedule(&jobs, &mut events)?;
    let scheduler = start("scheduler")?;
    ask_all(&scheduler, &events, &["scheduler/tick"])?;
    drop(scheduler);
    let worker = start("worker")?;
    // One message is of the function that wrote the job, and one of the tick: they start it once.
    for _ in 0..2 {
        let message = engine.receive("JOBS_MEDIUM_QUEUE_URL")?;
        handle(&worker, &events, "worker/fire", &message)?;
    }
    drop(worker);
    is_completed(&jobs, &events)?;
    let runs = ask(&jobs, &events, "jobs/runs.v1")?;
    match runs["runs"].as_array().map(Vec::as_slice) {
        Some([run]) if run["scheduledFor"].is_string() => {
            println!("ok: the scheduled job was announced and completed, once");
            Ok(())
        }
        _ => Err(Failure::new(format!("there should be one run, of the schedule: {runs}"))),
    }
}

/// Creates a job that comes by itself in a few seconds, and lets the events be about it from now on.
fn schedule(jobs: &Function, events: &mut Events) -> Result<(), Failure> {
    let soon = json!({ "schedule": { "recurrence": { "interval": "PT6S" } }, "count": 1 });
    let preview = ask_with(jobs, events, "jobs/preview.v2", |body| *body = soon)?;
    let starts = text(&preview["occurrences"][0], "utc")?;
    let created = ask_with(jobs, events, "jobs/create-one-time.v1", |body| {
        body["priority"] = "medium".into();
        body["schedule"]["startTime"] = starts.into();
    })?;
    events.put("job", text(&created, "jobId")?);
    Ok(())
}

/// Creates an endpoint that hears of nothing, has a sample sent there, and deletes it.
fn try_an_endpoint(endpoints: &Function, events: &mut Events) -> Result<(), Failure> {
    let bad =
        ["endpoints/create-no-token.v1", "endpoints/create-metadata-address.v2", "endpoints/get-absent.v1"];
    ask_all(endpoints, events, &bad)?;
    let hook = Hook::listen()?;
    let created = ask_with(endpoints, events, "endpoints/create-all-members.v2", |body| {
        body["url"] = hook.url().into();
    })?;
    events.put("endpoint", text(&created, "id")?);
    let tried = ask(endpoints, events, "endpoints/test.v1")?;
    let heard = hook.heard()?;
    if tried["delivered"] != true || heard.header("webhook-signature").is_none() {
        return Err(Failure::new(format!("the sample should have been taken, signed: {tried}")));
    }
    ask_all(endpoints, events, &["endpoints/list.v2", "endpoints/delete.v1"])?;
    println!("ok: the endpoint was tried");
    Ok(())
}

fn is_completed(jobs: &Function, events: &Events) -> Result<(), Failure> {
    let read = ask(jobs, events, "jobs/get.v2")?;
    match read["status"].as_str() {
        Some("completed") => Ok(()),
        _ => Err(Failure::new(format!("the job should be completed: {read}"))),
    }
}

fn ask_all(function: &Function, events: &Events, names: &[&str]) -> Result<(), Failure> {
    names.iter().try_for_each(|name| ask(function, events, name).map(|_| ()))
}

/// Invokes a function with a sample event, checks its answer, and returns the body of an HTTP one.
fn ask(function: &Function, events: &Events, name: &str) -> Result<Value, Failure> {
    invoke(function, events, name, &events.event(name)?)
}

/// A sample with another body.
fn ask_with(
    function: &Function,
    events: &Events,
    name: &str,
    turn: impl FnOnce(&mut Value),
) -> Result<Value, Failure> {
    let mut event = events.event(name)?;
    let mut body: Value =
        event["body"].as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    turn(&mut body);
    event["body"] = body.to_string().into();
    invoke(function, events, name, &event)
}

fn handle(function: &Function, events: &Events, name: &str, message: &str) -> Result<(), Failure> {
    invoke(function, events, name, &with_body(events.event(name)?, message)).map(|_| ())
}

fn invoke(function: &Function, events: &Events, name: &str, event: &Value) -> Result<Value, Failure> {
    let answer = function.invoke(event)?;
    events.check(name, &answer)?;
    println!("ok: {name}");
    Ok(answer["body"].as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default())
}

fn text(value: &Value, member: &str) -> Result<String, Failure> {
    let found = value[member].as_str().map(str::to_owned);
    found.ok_or_else(|| Failure::new(format!("no {member} in {value}")))
}
