//! What is measured.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::{Ask, Connection};
use crate::load::{self, Run};
use crate::punctual::{self, Lateness};
use crate::server::Server;
use crate::sink::Sink;
use crate::{Settings, seed, tell};

type Fault = Box<dyn Error + Send + Sync>;

/// The name of a row and the median of its runs.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) run: Run,
}

/// What was measured.
pub(crate) struct Measured {
    pub(crate) rows: Vec<Row>,
    /// How late scheduled jobs started, if that was wanted.
    pub(crate) lateness: Option<Lateness>,
}

const PASSWORD: &str = "nightjars fly at dusk";

/// Measures every row that is wanted.
pub(crate) async fn measure(settings: &Settings) -> Result<Measured, Fault> {
    let folder = tempfile::tempdir()?;
    let mut server = Server::start(folder.path()).await?;
    let mut rows = Rows { settings: settings.clone(), rows: Vec::new() };
    let owner = account(&server, "owner").await?;

    rows.add(&server, "register", StatusCode::CREATED, |run, number| {
        let email = format!("r{run}-{number}@example.com");
        let body = json!({ "name": format!("user {run} {number}"), "email": email, "password": PASSWORD });
        Ask::post("/register", None, body.to_string())
    })
    .await?;
    rows.add(&server, "login", StatusCode::OK, |_, _| {
        let body = json!({ "email": "owner@example.com", "password": PASSWORD });
        Ask::post("/login", None, body.to_string())
    })
    .await?;
    let token = owner.token.clone();
    rows.add(&server, "create", StatusCode::CREATED, move |_, number| create(&token, number, None)).await?;
    let path = format!("/jobs/{}", one_job(&server, &owner).await?);
    let token = owner.token.clone();
    rows.add(&server, "get one", StatusCode::OK, move |_, _| Ask::get(path.clone(), &token)).await?;
    if rows.wanted("create, run, webhook") {
        rows.whole_way(&server, &owner).await?;
    }
    let mut lateness = None;
    if rows.wanted("scheduled jobs") {
        lateness = Some(punctual::measure(&server, &owner.token).await?);
    }

    for count in [settings.largest / 1000, settings.largest / 10, settings.largest] {
        let name = format!("list page of {count}");
        if !rows.wanted(&name) {
            continue;
        }
        let lister = account(&server, &format!("lister{count}")).await?;
        server.stop().await?;
        tell(&format!("writing {count} jobs ..."));
        seed::jobs(folder.path(), lister.id.parse()?, count).await?;
        server = Server::start(folder.path()).await?;
        let token = lister.token.clone();
        rows.add(&server, &name, StatusCode::OK, move |_, _| {
            Ask::get("/jobs?status=completed&limit=20", &token)
        })
        .await?;
    }
    server.stop().await?;
    Ok(Measured { rows: rows.rows, lateness })
}

struct Rows {
    settings: Settings,
    rows: Vec<Row>,
}

impl Rows {
    fn wanted(&self, name: &str) -> bool {
        name.contains(&self.settings.only)
    }

    async fn add(
        &mut self,
        server: &Server,
        name: &str,
        expected: StatusCode,
        ask: impl Fn(usize, u64) -> Ask + Send + Sync + 'static,
    ) -> Result<(), Fault> {
        if !self.wanted(name) {
            return Ok(());
        }
        let (ask, length) = (Arc::new(ask), Duration::from_secs(self.settings.seconds));
        let mut runs = Vec::new();
        for run in 0..self.settings.runs {
            let ask = Arc::clone(&ask);
            let measured = load::run(server, self.settings.connections, length, expected, move |number| {
                ask(run, number)
            });
            runs.push(measured.await?);
        }
        self.keep(name, runs);
        Ok(())
    }

    fn keep(&mut self, name: &str, mut runs: Vec<Run>) {
        runs.sort_by(|one, other| one.per_second.total_cmp(&other.per_second));
        let run = runs.swap_remove(runs.len() / 2);
        tell(&format!("{name}: {:.0} a second", run.per_second));
        self.rows.push(Row { name: name.to_owned(), run });
    }

    /// From the request that creates a job and runs it to the webhook that tells of its end, checked.
    async fn whole_way(&mut self, server: &Server, owner: &Account) -> Result<(), Fault> {
        let (sink, address) = Sink::start(signing_secret(server, owner).await?).await?;
        let url = format!("http://{address}/");
        let (length, counter) = (Duration::from_secs(self.settings.seconds), Arc::new(AtomicU64::new(0)));
        let mut runs = Vec::new();
        for _ in 0..self.settings.runs {
            let mut connections = Vec::new();
            for _ in 0..self.settings.connections {
                connections
                    .push(Arc::new(tokio::sync::Mutex::new(Connection::open(server.address()).await?)));
            }
            let (start, before) = (Instant::now(), server.usage());
            let tasks: Vec<_> = (0..self.settings.in_flight)
                .map(|i| {
                    let connection = Arc::clone(&connections[i % connections.len()]);
                    let (sink, counter) = (sink.clone(), Arc::clone(&counter));
                    let (token, url) = (owner.token.clone(), url.clone());
                    tokio::spawn(async move {
                        let mut took = Vec::new();
                        while start.elapsed() < length {
                            let number = counter.fetch_add(1, Ordering::Relaxed);
                            let told = sink.expect(number);
                            let ask = create(&token, number, Some(&url));
                            let mut connection = connection.lock().await;
                            let sent = Instant::now();
                            let (status, body) = connection.send(ask).await?;
                            drop(connection);
                            if status != StatusCode::CREATED {
                                return Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into());
                            }
                            tokio::time::timeout(Duration::from_secs(60), told).await??;
                            took.push(sent.elapsed());
                        }
                        Ok::<_, Fault>(took)
                    })
                })
                .collect();
            let mut took = Vec::new();
            for task in tasks {
                took.extend(task.await??);
            }
            runs.push(load::summary(took, start.elapsed(), before, server.usage()));
        }
        self.keep("create, run, webhook", runs);
        Ok(())
    }
}

fn create(token: &str, number: u64, webhook: Option<&str>) -> Ask {
    let mut body = json!({ "taskName": "bench", "priority": "high", "payload": { "number": number } });
    if let Some(url) = webhook {
        body["webhookUrl"] = Value::from(url);
        body["run"] = Value::from(true);
    }
    Ask::post("/jobs", Some(token), body.to_string())
}

struct Account {
    id: String,
    token: String,
}

async fn account(server: &Server, name: &str) -> Result<Account, Fault> {
    let email = format!("{name}@example.com");
    let body = json!({ "name": name, "email": email, "password": PASSWORD });
    let registered = ask(server, Ask::post("/register", None, body.to_string())).await?;
    let body = json!({ "email": email, "password": PASSWORD });
    let login = ask(server, Ask::post("/login", None, body.to_string())).await?;
    Ok(Account { id: text(&registered, "id")?, token: text(&login, "token")? })
}

async fn one_job(server: &Server, owner: &Account) -> Result<String, Fault> {
    text(&ask(server, create(&owner.token, 0, None)).await?, "id")
}

async fn signing_secret(server: &Server, owner: &Account) -> Result<String, Fault> {
    text(&ask(server, Ask::get("/webhooks/secret", &owner.token)).await?, "secret")
}

async fn ask(server: &Server, ask: Ask) -> Result<Value, Fault> {
    let (status, body) = Connection::open(server.address()).await?.send(ask).await?;
    let answer: Value = serde_json::from_slice(&body)?;
    if status.is_success() { Ok(answer) } else { Err(format!("{status}: {answer}").into()) }
}

fn text(answer: &Value, name: &str) -> Result<String, Fault> {
    Ok(answer[name].as_str().ok_or_else(|| format!("no {name} in {answer}"))?.to_owned())
}
