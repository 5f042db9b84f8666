//! What a case needs before its event comes, and what is left after it.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use boot::Vars;
use domain::api_key::Scope;
use domain::delivery::{Delivery, DeliveryState, Receivers, owed};
use domain::endpoint::{Endpoint, Events};
use domain::event::EventType;
use domain::id::EndpointId;
use domain::job::{Job, JobWebhook};
use domain::life::{self, Attempt, Ending, Present};
use domain::payload::Payload;
use domain::schedule::Schedule;
use domain::user::{Email, Role, Signing, User, UserName};
use edge::{CorsPolicy, tokens};
use http::StatusCode;
use queue::topology;
use serde_json::{Value, json};
use store::{EndpointMade, NewJob};
use testkit::Bed;
use tower::ServiceExt;

use super::{Case, expected, function, root};
use crate::house::PASSWORD;
use crate::sink::Sink;

/// What signs Ada's webhooks.
pub(super) const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
/// The state of a schedule that the messages name.
const REV: u64 = 1;

/// A bed, and on it what a case needs.
pub(super) struct Scene {
    pub(super) bed: Bed,
    /// What stands for which placeholder.
    real: Vec<(String, String)>,
    pub(super) sink: Option<Sink>,
}

impl Scene {
    pub(super) async fn new(case: &Case, ada: &User) -> Self {
        let mut scene = Self { bed: Bed::new().await, real: Vec::new(), sink: None };
        for given in &case.given {
            match given.as_str() {
                "user" => scene.user(ada, case).await,
                "admin" => scene.user(&User { role: Role::Admin, ..ada.clone() }, case).await,
                "deleted-user" => {
                    scene.user(ada, case).await;
                    let now = scene.bed.now();
                    let marked = User { deleted_at: Some(now), version: ada.version + 1, ..ada.clone() };
                    assert!(scene.bed.store().delete_user(&marked).await.unwrap());
                }
                "key" => scene.key(ada, &Scope::ALL).await,
                "read-key" => scene.key(ada, &[Scope::Read]).await,
                "write-key" => scene.key(ada, &[Scope::Write]).await,
                "run-key" => scene.key(ada, &[Scope::Run]).await,
                "job" => scene.job(ada, |_, job| job).await,
                "scheduled-job" => scene.job(ada, |bed, job| hourly(bed, job, 0, false)).await,
                "later-job" => scene.job(ada, |bed, job| hourly(bed, job, 1, false)).await,
                "paused-job" => scene.job(ada, |bed, job| hourly(bed, job, 0, true)).await,
                "failed-job" => scene.job(ada, failed).await,
                "endpoint" => scene.endpoint(ada).await,
                "dead-delivery" => scene.dead_delivery().await,
                "receiver" => {
                    let made = Sink::new(|_| StatusCode::OK).await;
                    scene.put("url", &made.base);
                    scene.sink = Some(made);
                }
                other => panic!("nobody knows what {other:?} is"),
            }
        }
        scene
    }

    async fn user(&mut self, user: &User, case: &Case) {
        let (email, name) = (Email::parse(&user.email).unwrap(), UserName::parse(&user.name).unwrap());
        self.bed.store().create_user(user, &email, &name).await.unwrap();
        let token = tokens::issue(&self.bed.auth_secrets().get().await.unwrap(), user.id, &self.bed.ambient);
        self.put("token", &token.unwrap().token);
        // Where an HTTP event names a user, it means somebody else.
        if case.fails.is_some() {
            self.put("user", &user.id.to_string());
        }
    }

    async fn key(&mut self, owner: &User, scopes: &[Scope]) {
        let text = testkit::api_key(&self.bed, owner.id, scopes).await;
        let keys = self.bed.store().keys_of(owner, self.bed.now()).await.unwrap();
        self.put("apiKey", &text);
        self.put("key", &keys[0].id.to_string());
    }

    async fn job(&mut self, owner: &User, turn: impl FnOnce(&Bed, Job) -> Job) {
        let job = Job {
            id: expected().placeholders["job"].parse().unwrap(),
            webhook: Some(JobWebhook { url: "https://example.com/hook".to_owned(), secret: None }),
            ..testkit::job(&self.bed, owner.id)
        };
        let new = NewJob { job: turn(&self.bed, job), payload: Payload::empty() };
        self.bed.store().create_job(new, None, self.bed.now()).await.unwrap();
    }

    /// An endpoint at the receiver, if there is one, with a secret that is known.
    async fn endpoint(&self, owner: &User) {
        let id: EndpointId = expected().placeholders["endpoint"].parse().unwrap();
        let elsewhere = "https://example.com/hooks".to_owned();
        let sealed = self.bed.seal_key().seal(SECRET, &id.to_string(), self.bed.ambient.entropy());
        let endpoint = Endpoint {
            id,
            user_id: owner.id,
            url: self.sink.as_ref().map_or(elsewhere, |sink| sink.base.clone()),
            description: "of the night shift".to_owned(),
            events: Events::All,
            enabled: true,
            signing: Signing::of(sealed),
            steps: None,
            rate: None,
            headers: None,
            created_at: self.bed.now(),
            updated_at: self.bed.now(),
            version: 1,
        };
        let made = self.bed.store().create_endpoint(&endpoint, owner).await.unwrap();
        assert_eq!(made, EndpointMade::Made);
    }

    /// The delivery of the job's failure, which nobody took.
    async fn dead_delivery(&self) {
        let placeholders = expected().placeholders;
        let job = placeholders["job"].parse().unwrap();
        let job = self.bed.store().job(job, self.bed.now()).await.unwrap().unwrap();
        let to = Receivers::default();
        let owed = owed(&job, job.run.as_ref().unwrap(), &Payload::empty(), to).remove(0);
        let id = placeholders["webhook"].parse().unwrap();
        let event = EventType::Failed;
        let fresh = Delivery { id, ..Delivery::new(&owed, event, self.bed.now()) };
        let dead = Delivery { state: DeliveryState::Dead, version: 1, ..fresh };
        assert!(self.bed.store().replace_delivery(&dead, None).await.unwrap());
        // Nothing has become of it since this moment.
        self.bed.advance(Duration::from_millis(1));
    }

    /// From now on this placeholder stands for that.
    fn put(&mut self, placeholder: &str, real: &str) {
        self.real.push((expected().placeholders[placeholder].clone(), real.to_owned()));
    }

    pub(super) fn event(&self, name: &str) -> String {
        let mut text = std::fs::read_to_string(root().join(format!("{name}.json"))).unwrap();
        for (placeholder, real) in &self.real {
            text = text.replace(placeholder, real);
        }
        text
    }

    pub(super) fn vars(&self) -> Vars {
        let mut vars = self.bed.vars();
        vars.insert("EGRESS_ALLOW".to_owned(), "127.0.0.0/8".to_owned());
        vars.insert("MAIL_FROM".to_owned(), "nightjar@example.com".to_owned());
        Vars::new(vars)
    }

    pub(super) fn router(&self, name: &str) -> Router {
        let (clients, ambient, mut vars) = (self.bed.clients(), self.bed.ambient.clone(), self.vars());
        let auth = self.bed.auth_secrets();
        let routes = match function(name) {
            "auth" => auth::routes(auth::App::new(&clients, auth, auth::Config::read(&mut vars), ambient)),
            "jobs" => {
                let secrets = jobs::SecretCaches { auth, data: self.bed.data_secrets() };
                jobs::routes(jobs::App::new(&clients, secrets, jobs::Config::read(&mut vars), ambient))
            }
            "run" => run::routes(run::App::new(&clients, auth, run::Config::read(&mut vars), ambient)),
            "endpoints" => {
                let secrets = endpoints::SecretCaches { auth, data: self.bed.data_secrets() };
                let config = endpoints::Config::read(&mut vars);
                endpoints::routes(endpoints::App::new(&clients, secrets, config, ambient))
            }
            other => panic!("{other} answers no HTTP"),
        };
        vars.finish().unwrap();
        edge::router::finish(routes, CorsPolicy::none())
    }

    /// The job's status, or `nothing` if there is no job.
    pub(super) async fn left(&self) -> String {
        let id = expected().placeholders["job"].parse().unwrap();
        let job = self.bed.store().job(id, self.bed.now()).await.unwrap();
        job.map_or("nothing", |job| job.status.as_str()).to_owned()
    }

    /// How many messages stand in the job queues.
    pub(super) fn messages(&self) -> i64 {
        let queues = [topology::JOBS_HIGH, topology::JOBS_MEDIUM, topology::JOBS_LOW];
        let depths = queues.map(|queue| self.bed.engine.queue_depth(queue.name).unwrap());
        depths.iter().map(|depth| depth.visible + depth.in_flight + depth.delayed).sum()
    }
}

/// The job with a schedule whose first occurrence comes so many hours after the moment at which a bed begins.
fn hourly(bed: &Bed, job: Job, hours: u64, paused: bool) -> Job {
    let starts = bed.now().plus(Duration::from_secs(hours * 3_600));
    let wish = json!({ "startTime": starts, "recurrence": { "interval": "hourly" }, "paused": paused });
    let schedule = Schedule::parse(&wish, "/schedule", bed.now()).unwrap();
    Job { timetable: Some(life::scheduled(schedule, REV, bed.now())), ..job }
}

/// The job after a run that has failed.
fn failed(bed: &Bed, job: Job) -> Job {
    let (run, now) = (expected().placeholders["run"].parse().unwrap(), bed.now());
    let claimed = life::claim(&life::start(&job, run, now), run, 1, now);
    let ending = Ending::Refused { error: "the address does not exist".to_owned() };
    life::finish(&claimed, Attempt { run, number: 1 }, &ending, Present { now, keep: None }).unwrap()
}

/// Ada as she registered, with a secret that signs: once, for her password takes its time.
pub(super) async fn ada() -> User {
    let scene = Scene { bed: Bed::new().await, real: Vec::new(), sink: None };
    let account: Value = json!({ "name": "Ada", "email": "ada@example.com", "password": PASSWORD });
    let request = http::Request::post("/register").body(Body::from(account.to_string())).unwrap();
    let answer = scene.router("auth").oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 201);
    let email = Email::parse("ada@example.com").unwrap();
    let user = scene.bed.store().user_by_email(&email.digest()).await.unwrap().unwrap();
    let sealed = scene.bed.seal_key().seal(SECRET, &user.id.to_string(), scene.bed.ambient.entropy());
    User { signing: Some(Signing { current: sealed, previous: None, previous_until: None }), ..user }
}
