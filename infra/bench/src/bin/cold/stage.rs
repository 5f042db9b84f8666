//! What the functions find: a table with a user and jobs, queues, secrets, and a receiver of webhooks.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use boot::Ambient;
use boot::clients::Clients;
use boot::secrets::Secrets;
use domain::event::EventType;
use domain::id::{JobId, RunId, UserId, WebhookId};
use domain::job::{Job, JobWebhook, PayloadPlace, Priority, Status};
use domain::log::Log;
use domain::payload::Payload;
use domain::seal::SealKey;
use domain::signature::fresh_secret;
use domain::user::{Email, Role, Signing, User, UserName};
use engine::Engine;
use http::StatusCode;
use jsonwebtoken::{EncodingKey, Header, encode};
use queue::topology::{self, Queue};
use serde_json::{Value, json};
use store::{NewJob, Store};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::Fault;
use crate::certificates::{Certificates, with_the_machines};
use crate::door::Door;
use crate::subjects::Subject;

/// The table that the bare function reads, too.
const TABLE: &str = "nightjar";
const AUTH_SECRET: &str = "signs the tokens of cold starts alone";
const DATA_SECRET: &str = "seals the secrets of cold starts alone";
/// What the bare function's tokens are signed with.
const BARE_SECRET: &[u8] = b"bare";
const QUEUES: [(&str, Queue); 6] = [
    ("JOBS_HIGH_QUEUE_URL", topology::JOBS_HIGH),
    ("JOBS_MEDIUM_QUEUE_URL", topology::JOBS_MEDIUM),
    ("JOBS_LOW_QUEUE_URL", topology::JOBS_LOW),
    ("JOBS_DLQ_URL", topology::JOBS_DLQ),
    ("WEBHOOK_QUEUE_URL", topology::WEBHOOKS),
    ("WEBHOOK_DLQ_URL", topology::WEBHOOKS_DLQ),
];

/// All of it.
pub(crate) struct Stage {
    door: Door,
    store: Store,
    ambient: Ambient,
    user: UserId,
    tokens: Tokens,
    receiver: String,
    variables: Vec<(&'static str, String)>,
    placeholders: Value,
    certificates: Arc<str>,
    folder: TempDir,
    laid: AtomicU64,
}

/// What shows that a request is the user's: to ours, and to the bare one.
struct Tokens {
    ours: String,
    bare: String,
}

impl Stage {
    /// Sets it up, in memory.
    pub(crate) async fn set() -> Result<Self, Fault> {
        let ambient = Ambient::system();
        let engine = Engine::open(engine::Options { data_dir: None, clock: Arc::clone(&ambient.clock) })?;
        let clients = Clients::from_config(&engine.sdk_config());
        store::schema::create(&clients.dynamodb(), TABLE).await?;
        let urls = topology::create(&clients.sqs(), "").await?;
        for (id, text) in [("auth", AUTH_SECRET), ("data", DATA_SECRET)] {
            engine.set_secret_if_absent(id, &json!({ "current": text }).to_string()).await?;
        }
        let store = Store::new(clients.dynamodb(), TABLE);
        let user = register(&store, &ambient).await?;
        let door = Door::open(local::engines::routes(&engine)).await?;
        let mut variables = vec![
            ("AWS_ENDPOINT_URL", door.url()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "cold".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "cold".to_owned()),
            ("TABLE_NAME", TABLE.to_owned()),
            ("AUTH_SECRET_ID", "auth".to_owned()),
            ("DATA_SECRET_ID", "data".to_owned()),
            ("RATE_LIMIT_MAX", "0".to_owned()),
            ("SIMULATED_TASK_MS", "0".to_owned()),
            ("EGRESS_ALLOW", "127.0.0.0/8".to_owned()),
            ("MAIL_FROM", "nightjar@example.com".to_owned()),
        ];
        variables
            .extend(QUEUES.map(|(name, queue)| (name, urls.get(queue.name).cloned().unwrap_or_default())));
        Ok(Self {
            tokens: Tokens::issue(user, &ambient)?,
            certificates: with_the_machines(door.certificate()),
            receiver: receiver().await?,
            placeholders: serde_json::from_str::<Value>(&sample("expected")?)?["placeholders"].take(),
            folder: tempfile::tempdir()?,
            laid: AtomicU64::new(0),
            door,
            store,
            ambient,
            user,
            variables,
        })
    }

    /// The engine, as the functions reach it.
    pub(crate) fn door(&self) -> &Door {
        &self.door
    }

    /// What the functions are told of it.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        self.variables.clone()
    }

    /// Certificates for one process, the engine's among them.
    pub(crate) fn certificates(&self) -> Result<Certificates, Fault> {
        let number = self.laid.fetch_add(1, Ordering::Relaxed);
        Certificates::lay(
            self.folder.path().join(format!("certificates-{number}")),
            Arc::clone(&self.certificates),
        )
    }

    /// Where a process may write what it logs.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// The event of a fresh process, about a pending job that nobody has touched.
    pub(crate) async fn event(&self, subject: &Subject) -> Result<String, Fault> {
        let (now, entropy) = (self.ambient.now(), self.ambient.entropy());
        let (job, run) = (JobId::fresh(now, entropy), RunId::fresh(now, entropy));
        let new = NewJob { job: self.job(job), payload: Payload::empty() };
        self.store.create_job(new, None, now).await?;
        let token = if subject.is_bare() { &self.tokens.bare } else { &self.tokens.ours };
        let webhook = WebhookId::derive(run, EventType::Completed, now, "job").to_string();
        let real = [
            ("token", token.clone()),
            ("url", self.receiver.clone()),
            ("user", self.user.to_string()),
            ("job", job.to_string()),
            ("run", run.to_string()),
            ("webhook", webhook),
        ];
        let text = sample(subject.event)?;
        Ok(real.iter().fold(text, |text, (name, real)| {
            self.placeholders[name].as_str().map_or_else(|| text.clone(), |stands| text.replace(stands, real))
        }))
    }

    fn job(&self, id: JobId) -> Job {
        let now = self.ambient.now();
        Job {
            id,
            user_id: self.user,
            task_name: "report".to_owned(),
            task_type: "simulate".to_owned(),
            payload: PayloadPlace::Here(Payload::empty()),
            priority: Priority::High,
            status: Status::Pending,
            version: 1,
            max_retries: 3,
            timeout_seconds: domain::job::LONGEST_TIMEOUT,
            timetable: None,
            webhook: Some(JobWebhook { url: self.receiver.clone(), secret: None }),
            run: None,
            log: Log::default(),
            created_at: now,
            updated_at: now,
            cancel_id: None,
            deleted_at: None,
            expires_at: None,
        }
    }
}

impl Tokens {
    fn issue(user: UserId, ambient: &Ambient) -> Result<Self, Fault> {
        let ours = edge::tokens::issue(&Secrets::of(AUTH_SECRET), user, ambient)?;
        let claims = json!({ "sub": user, "exp": ours.claims.expires_at.as_millis() / 1000 });
        let bare = encode(&Header::default(), &claims, &EncodingKey::from_secret(BARE_SECRET))?;
        Ok(Self { ours: ours.token, bare })
    }
}

/// A user who may do everything that the events ask for, and whose webhooks can be signed.
async fn register(store: &Store, ambient: &Ambient) -> Result<UserId, Fault> {
    let (now, entropy) = (ambient.now(), ambient.entropy());
    let id = UserId::fresh(now, entropy);
    let sealed = SealKey::from_secret(DATA_SECRET).seal(&fresh_secret(entropy), &id.to_string(), entropy);
    let user = User {
        id,
        name: "Ada".to_owned(),
        email: "ada@example.com".to_owned(),
        // Nobody logs in.
        password_hash: String::new(),
        role: Role::User,
        signing: Some(Signing { current: sealed, previous: None, previous_until: None }),
        tokens_valid_after: None,
        logged_out_at: None,
        keys_valid_after: None,
        deleted_at: None,
        created_at: now,
        version: 1,
    };
    store.create_user(&user, &Email::parse(&user.email)?, &UserName::parse(&user.name)?).await?;
    Ok(id)
}

/// Somebody who takes every webhook; where.
async fn receiver() -> Result<String, Fault> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}/", listener.local_addr()?);
    let routes = Router::new().fallback(|| async { StatusCode::NO_CONTENT });
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(url)
}

/// The text of a file in `events/`.
fn sample(name: &str) -> Result<String, Fault> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../events/{name}.json"));
    std::fs::read_to_string(&file).map_err(|fault| format!("{}: {fault}", file.display()).into())
}
