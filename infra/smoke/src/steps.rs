//! The steps, in their order.

use std::time::Duration;

use serde_json::{Value, json};

use crate::api::{Answer, Api};
use crate::now;

const POLL: Duration = Duration::from_millis(250);

/// A step of the walk.
#[derive(Clone, Copy)]
pub(crate) enum Step {
    Health,
    Description,
    Refusals,
    Register,
    LogIn,
    Create,
    Complete,
    Deliver,
    List,
    Leave,
}

/// All of them. What may be asked without an account comes first.
pub(crate) const ALL: [Step; 10] = [
    Step::Health,
    Step::Description,
    Step::Refusals,
    Step::Register,
    Step::LogIn,
    Step::Create,
    Step::Complete,
    Step::Deliver,
    Step::List,
    Step::Leave,
];

impl Step {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Health => "answer at all",
            Self::Description => "describe itself",
            Self::Refusals => "refuse what is wrong",
            Self::Register => "register a user",
            Self::LogIn => "log in",
            Self::Create => "create a job and run it",
            Self::Complete => "complete the job",
            Self::Deliver => "deliver its webhook",
            Self::List => "list the job",
            Self::Leave => "delete the account",
        }
    }

    pub(crate) async fn take(self, visit: &mut Visit) -> Result<(), String> {
        match self {
            Self::Health => visit.health().await,
            Self::Description => visit.description().await,
            Self::Refusals => visit.refusals().await,
            Self::Register => visit.register().await,
            Self::LogIn => visit.log_in().await,
            Self::Create => visit.create().await,
            Self::Complete => visit.complete().await,
            Self::Deliver => visit.deliver().await,
            Self::List => visit.list().await,
            Self::Leave => visit.leave().await,
        }
    }
}

/// A user who comes, runs one job and goes.
pub(crate) struct Visit {
    api: Api,
    patience: Duration,
    email: String,
    password: String,
    logged_in: bool,
    job: String,
}

impl Visit {
    pub(crate) fn new(api: Api, patience: Duration) -> Result<Self, String> {
        let email = format!("smoke-{:016x}@example.com", random()?);
        let password = format!("smoke {:016x} {:016x}", random()?, random()?);
        Ok(Self { api, patience, email, password, logged_in: false, job: String::new() })
    }

    /// The name of a fresh deployment may take a while to be known.
    async fn health(&self) -> Result<(), String> {
        let began = now();
        loop {
            let answer = self.api.get("/health").await.and_then(|answer| answer.with(200));
            match answer {
                Ok(answer) if answer.text_at("/status")? == "ok" => return Ok(()),
                Ok(answer) => return Err(answer.complaint("its status was to be ok")),
                Err(reason) if began.elapsed() >= self.patience => return Err(reason),
                Err(_) => tokio::time::sleep(POLL).await,
            }
        }
    }

    async fn description(&self) -> Result<(), String> {
        let answer = self.api.get("/openapi.json").await?.with(200)?;
        let fits =
            answer.text_at("/openapi")?.starts_with("3.") && answer.body["paths"].get("/jobs").is_some();
        if fits { Ok(()) } else { Err(answer.complaint("OpenAPI 3 with /jobs was to come")) }
    }

    async fn refusals(&self) -> Result<(), String> {
        let nobody = self.api.get("/jobs").await?.with(401)?;
        let faulty = self.api.post("/login", &json!({})).await?.with(400)?;
        for answer in [nobody, faulty] {
            let is_problem = answer.kind.starts_with("application/problem+json")
                && answer.body["status"] == answer.status
                && answer.body["requestId"].is_string();
            if !is_problem {
                return Err(
                    answer.complaint("a problem document with its status and a requestId was to come")
                );
            }
        }
        Ok(())
    }

    async fn register(&self) -> Result<(), String> {
        let body = json!({ "name": "smoke", "email": self.email, "password": self.password });
        let answer = self.api.post("/register", &body).await?;
        if answer.status == 429 {
            let wait = answer.retry_after.clone().unwrap_or_else(|| "some".to_owned());
            let limit = "the limit of registrations from this address is reached (AuthRateLimitMax)";
            return Err(answer.complaint(&format!("{limit}; try again in {wait} seconds")));
        }
        answer.with(201).map(|_| ())
    }

    async fn log_in(&mut self) -> Result<(), String> {
        let body = json!({ "email": self.email, "password": self.password });
        let answer = self.api.post("/login", &body).await?.with(200)?;
        self.api.log_in(answer.text_at("/token")?);
        self.logged_in = true;
        Ok(())
    }

    async fn create(&mut self) -> Result<(), String> {
        let webhook = self.api.url("/webhook-test");
        let body = json!({ "taskName": "smoke", "type": "simulate", "webhookUrl": webhook, "run": true });
        let answer = self.api.post("/jobs", &body).await?.with(201)?;
        self.job = answer.text_at("/jobId")?.to_owned();
        if answer.body["status"] == "running" { Ok(()) } else { Err(answer.complaint("it was to run")) }
    }

    async fn complete(&self) -> Result<(), String> {
        let judge = |answer: &Answer| match answer.text_at("/status")? {
            "completed" => Ok(None),
            "running" => Ok(Some("the job is still running".to_owned())),
            _ => Err(answer.complaint("the job was to be completed")),
        };
        self.until(&format!("/jobs/{}", self.job), judge).await
    }

    async fn deliver(&self) -> Result<(), String> {
        let judge = |answer: &Answer| {
            // The deployment may have receivers of its own; whether those listen is not for us to say.
            let rows = answer.list_at("/deliveries")?.iter().filter(|row| row["endpointId"] == "job");
            let attempts: Vec<Attempt<'_>> = rows.map(Attempt::of).collect();
            if attempts.iter().any(|attempt| attempt.state == "delivered") {
                return Ok(None);
            }
            let told: Vec<String> = attempts.iter().map(Attempt::told).collect();
            let told = if told.is_empty() { "nobody has tried".to_owned() } else { told.join(", then ") };
            let dead = attempts.iter().any(|attempt| attempt.state == "dead");
            if dead { Err(format!("the webhook was given up: {told}")) } else { Ok(Some(told)) }
        };
        self.until(&format!("/jobs/{}/deliveries", self.job), judge).await
    }

    async fn list(&self) -> Result<(), String> {
        let judge = |answer: &Answer| {
            let there = answer.list_at("/jobs")?.iter().any(|job| job["jobId"] == self.job.as_str());
            Ok((!there).then(|| "the job is not in the list".to_owned()))
        };
        self.until("/jobs?status=completed", judge).await
    }

    /// The account goes, and its token with it.
    async fn leave(&mut self) -> Result<(), String> {
        self.leave_if_there().await?;
        self.api.get("/profile").await?.with(401).map(|_| ())
    }

    /// Deletes the account, if there is one that can be.
    pub(crate) async fn leave_if_there(&mut self) -> Result<(), String> {
        if self.logged_in {
            self.api.delete("/profile", &json!({ "password": self.password })).await?.with(200)?;
            self.logged_in = false;
        }
        Ok(())
    }

    /// Asks again and again until it is judged that nothing is missing, as long as patience lasts.
    async fn until(
        &self,
        path: &str,
        missing: impl Fn(&Answer) -> Result<Option<String>, String>,
    ) -> Result<(), String> {
        let began = now();
        loop {
            let answer = self.api.get(path).await?.with(200)?;
            let Some(missing) = missing(&answer)? else { return Ok(()) };
            if began.elapsed() >= self.patience {
                return Err(format!("after {} s: {missing} (GET {path})", self.patience.as_secs_f32()));
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// What a row says of an attempt to deliver.
struct Attempt<'a> {
    state: &'a str,
    status: Option<u64>,
    error: &'a str,
}

impl<'a> Attempt<'a> {
    fn of(row: &'a Value) -> Self {
        let text = |name: &str| row[name].as_str().unwrap_or_default();
        Self { state: text("state"), status: row["responseStatus"].as_u64(), error: text("error") }
    }

    fn told(&self) -> String {
        let answered = self.status.map(|status| format!(", answered {status}")).unwrap_or_default();
        let error = if self.error.is_empty() { String::new() } else { format!(", {}", self.error) };
        format!("{}{answered}{error}", self.state)
    }
}

fn random() -> Result<u64, String> {
    getrandom::u64().map_err(|error| format!("there is no randomness here: {error}"))
}
