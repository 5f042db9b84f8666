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
    Stranger,
    Register,
    LogIn,
    Refuse,
    Create,
    Complete,
    Deliver,
    List,
    Leave,
}

/// All of them. What may be asked without an account comes first.
pub(crate) const ALL: [Step; 11] = [
    Step::Health,
    Step::Description,
    Step::Stranger,
    Step::Register,
    Step::LogIn,
    Step::Refuse,
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
            Self::Stranger => "keep strangers out",
            Self::Register => "register a user",
            Self::LogIn => "log in",
            Self::Refuse => "refuse a faulty job",
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
            Self::Stranger => visit.stranger().await,
            Self::Register => visit.register().await,
            Self::LogIn => visit.log_in().await,
            Self::Refuse => visit.refuse().await,
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
    registered: bool,
    job: String,
}

impl Visit {
    pub(crate) fn new(api: Api, patience: Duration) -> Result<Self, String> {
        let email = format!("smoke-{:016x}@example.com", random()?);
        let password = format!("smoke {:016x} {:016x}", random()?, random()?);
        Ok(Self { api, patience, email, password, registered: false, job: String::new() })
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

    async fn stranger(&self) -> Result<(), String> {
        self.api.get("/jobs").await?.with(401)?.as_problem()
    }

    async fn register(&mut self) -> Result<(), String> {
        let body = json!({ "name": "smoke", "email": self.email, "password": self.password });
        self.api.post("/register", &body).await?.with(201)?;
        self.registered = true;
        Ok(())
    }

    async fn log_in(&mut self) -> Result<(), String> {
        let body = json!({ "email": self.email, "password": self.password });
        let answer = self.api.post("/login", &body).await?.with(200)?;
        self.api.log_in(answer.text_at("/token")?);
        Ok(())
    }

    async fn refuse(&self) -> Result<(), String> {
        self.api.post("/jobs", &json!({})).await?.with(400)?.as_problem()
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
            status => Err(format!("the job is {status}: {}", answer.body["lastError"])),
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
        if !self.registered {
            return Ok(());
        }
        // Without a token this is refused, and the account stays.
        self.api.delete("/profile", &json!({ "password": self.password })).await?.with(200)?;
        self.registered = false;
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
