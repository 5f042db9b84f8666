//! What an administrator does about dead letters.

use axum::body::Body;
use domain::api_key::Scope;
use domain::event::EventType;
use domain::id::{JobId, RunId, WebhookId};
use domain::job::{Job, Priority, Run, Status};
use domain::life;
use domain::message::{Deliver, JobMessage, Target};
use domain::user::Role;
use queue::{WebhookQueues, topology};
use serde_json::{Value, json};
use testkit::{Fault, When};

use crate::counter::{Counter, Got, register, register_as};

const PAGE: &str = "/admin/dead-letters";
const REDRIVE: &str = "/admin/dead-letters/redrive";

struct Desk {
    counter: Counter,
    token: String,
}

impl Desk {
    async fn new() -> Self {
        let counter = Counter::new().await;
        let (_, token) = register_as(&counter.bed, "root", Role::Admin).await;
        Self { counter, token }
    }

    async fn look(&self) -> Value {
        let got = self.counter.send("GET", PAGE, Some(&self.token), Body::empty()).await;
        assert_eq!(got.status, 200, "{got:?}");
        got.body
    }

    async fn redrive(&self, body: Value) -> Got {
        self.counter.send("POST", REDRIVE, Some(&self.token), body.to_string()).await
    }

    /// A delivery that nobody took, as the function that delivers buries it.
    async fn bury(&self) -> Deliver {
        self.bury_to(Target::Job).await
    }

    async fn bury_to(&self, receiver: Target) -> Deliver {
        let (now, entropy) = (self.counter.now(), self.counter.bed.ambient.entropy());
        let run_id = RunId::fresh(now, entropy);
        let delivery = Deliver {
            webhook_id: WebhookId::derive(run_id, EventType::Completed, now, &receiver.to_string()),
            job_id: JobId::fresh(now, entropy),
            user_id: self.counter.user.id,
            run_id,
            endpoint_id: receiver,
            url: "https://example.com/hook".to_owned(),
            body: "{}".to_owned(),
            round: 1,
            cancel_id: None,
            turn: None,
        };
        let url = |queue: topology::Queue| self.counter.bed.queue(queue.name);
        let queues = WebhookQueues::new(self.counter.bed.sound_clients().sqs(), url(topology::WEBHOOKS));
        queues.with_dead(url(topology::WEBHOOKS_DLQ)).bury(&delivery).await.unwrap();
        delivery
    }

    /// A job whose workers kept dying.
    async fn given_up(&self) -> Job {
        let counter = &self.counter;
        let job = counter.job().await;
        let run = RunId::fresh(counter.now(), counter.bed.ambient.entropy());
        let held = counter.claim(&job, run).await;
        counter.replace(life::dead_letter(&held, counter.present()).unwrap()).await
    }
}

#[tokio::test]
async fn nothing_was_given_up_yet() {
    let desk = Desk::new().await;
    let empty = json!({"webhooks": {"depth": 0, "sample": [], "lastRedrive": null},
        "jobs": {"deadLettered": [], "more": false}});
    assert_eq!(desk.look().await, empty);
    let got = desk.redrive(json!({})).await;
    assert_eq!(got.status, 202);
    assert_eq!(got.body["webhooks"], json!({"depth": 0, "begun": true}));
    assert_eq!(got.body["jobs"], json!({"rerun": [], "notRerun": [], "more": false}));
}

#[tokio::test]
async fn nobody_else_sees_them_or_redrives_them() {
    let desk = Desk::new().await;
    let counter = &desk.counter;
    let job = desk.given_up().await;
    let (root, _) = register_as(&counter.bed, "other-root", Role::Admin).await;
    let (reads, runs) = (
        testkit::api_key(&counter.bed, root.id, &[Scope::Read]).await,
        testkit::api_key(&counter.bed, root.id, &[Scope::Run]).await,
    );
    let (_, user) = register(&counter.bed, "eve").await;
    let cases = [
        ("GET", PAGE, None, 401),
        ("GET", PAGE, Some(&user), 403),
        ("GET", PAGE, Some(&runs), 403),
        ("GET", PAGE, Some(&reads), 200),
        ("POST", REDRIVE, None, 401),
        ("POST", REDRIVE, Some(&user), 403),
        ("POST", REDRIVE, Some(&reads), 403),
    ];
    for (method, path, token, status) in cases {
        let got = counter.send(method, path, token.map(String::as_str), Body::empty()).await;
        assert_eq!(got.status.as_u16(), status, "{method} {path} {got:?}");
    }
    assert_eq!(counter.read(&job).await, job);
    assert_eq!(counter.send("POST", REDRIVE, Some(&runs), Body::empty()).await.status, 202);
    assert_eq!(counter.read(&job).await.status, Status::Running);
}

#[tokio::test]
async fn the_url_of_an_endpoint_is_its_owners_alone() {
    let desk = Desk::new().await;
    for (receiver, shown) in [
        (Target::Job, "https://example.com/hook"),
        (Target::Deployment, "https://example.com/hook"),
        (
            Target::Endpoint("end_018bcfe568007abcabababababababab".parse().unwrap()),
            "https://example.com/***",
        ),
    ] {
        desk.bury_to(receiver).await;
        let told = desk.look().await;
        let sample = told["webhooks"]["sample"].as_array().unwrap().iter();
        let letter = sample.map(|one| &one["delivery"]).find(|one| one["endpointId"] == receiver.to_string());
        assert_eq!(letter.unwrap()["url"], shown, "{told}");
    }
}

#[tokio::test]
async fn webhooks_go_back_to_their_queue() {
    let desk = Desk::new().await;
    let mut buried = Vec::new();
    for _ in 0..3 {
        buried.push(desk.bury().await);
    }
    // To look hides nothing.
    for _ in 0..2 {
        let seen = desk.look().await;
        assert_eq!(seen["webhooks"]["depth"], 3);
        let sample = seen["webhooks"]["sample"].as_array().unwrap();
        let shown: Vec<_> = sample.iter().map(|letter| letter["delivery"]["id"].as_str().unwrap()).collect();
        let mut wanted: Vec<_> = buried.iter().map(|delivery| delivery.webhook_id.to_string()).collect();
        wanted.sort();
        let mut shown: Vec<_> = shown.into_iter().map(str::to_owned).collect();
        shown.sort();
        assert_eq!(shown, wanted);
        assert_eq!(sample[0]["since"], desk.counter.now().to_string());
    }
    let dry = desk.redrive(json!({"dryRun": true})).await;
    assert_eq!((dry.status.as_u16(), &dry.body["webhooks"]), (200, &json!({"depth": 3, "begun": false})));
    assert_eq!(desk.redrive(json!({"webhooks": false})).await.body["webhooks"], Value::Null);
    assert_eq!(desk.look().await["webhooks"]["depth"], 3);

    let got = desk.redrive(json!({"jobs": false})).await;
    assert_eq!((got.status.as_u16(), &got.body["jobs"]), (202, &Value::Null));
    let mut back: Vec<_> = desk.counter.deliveries().await.into_iter().map(|one| one.webhook_id).collect();
    back.sort();
    let mut wanted: Vec<_> = buried.iter().map(|one| one.webhook_id).collect();
    wanted.sort();
    assert_eq!(back, wanted);
    let seen = desk.look().await;
    assert_eq!(seen["webhooks"]["depth"], 0);
    let last = &seen["webhooks"]["lastRedrive"];
    assert_eq!(
        (&last["status"], &last["moved"], &last["failure"]),
        (&json!("COMPLETED"), &json!(3), &Value::Null)
    );
}

#[tokio::test]
async fn one_redrive_at_a_time() {
    let desk = Desk::new().await;
    for _ in 0..3 {
        desk.bury().await;
    }
    let job = desk.given_up().await;
    assert_eq!(desk.redrive(json!({"ratePerSecond": 1, "jobs": false})).await.status, 202);
    let again = desk.redrive(json!({})).await;
    assert_eq!(again.problem(), (409, "conflict"));
    assert!(again.body["detail"].as_str().unwrap().contains("GET /admin/dead-letters"));
    // What stopped the webhooks stopped the jobs too.
    assert_eq!(desk.counter.read(&job).await, job);
    assert_eq!(desk.look().await["webhooks"]["lastRedrive"]["status"], "RUNNING");
}

#[tokio::test]
async fn jobs_that_were_given_up_run_again() {
    let desk = Desk::new().await;
    let counter = &desk.counter;
    let first = desk.given_up().await;
    counter.pass(1);
    let second = desk.given_up().await;
    let failed = counter.complete(&counter.job().await).await;
    let seen = desk.look().await;
    let ids = |list: &Value, of: fn(&Value) -> &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|one| of(one).as_str().unwrap().to_owned()).collect()
    };
    let newest_first = [second.id.to_string(), first.id.to_string()];
    assert_eq!(ids(&seen["jobs"]["deadLettered"], |job| &job["jobId"]), newest_first);
    assert_eq!(seen["jobs"]["deadLettered"][0]["userId"], counter.user.id.to_string());

    let dry = desk.redrive(json!({"dryRun": true, "webhooks": false})).await;
    assert_eq!((dry.status.as_u16(), ids(&dry.body["jobs"]["rerun"], |id| id)), (200, newest_first.to_vec()));
    assert_eq!(counter.read(&first).await, first);

    let one = desk.redrive(json!({"limit": 1, "webhooks": false})).await;
    assert_eq!(ids(&one.body["jobs"]["rerun"], |id| id), newest_first[..1]);
    assert_eq!(one.body["jobs"]["more"], true);
    assert_eq!(counter.read(&second).await.status, Status::Running);
    let rest = desk.redrive(json!({"webhooks": false})).await;
    assert_eq!(ids(&rest.body["jobs"]["rerun"], |id| id), newest_first[1..]);
    let again = counter.read(&first).await;
    assert_eq!(again.run.as_ref().map(|run| (run.attempt, run.dead_lettered)), Some((0, false)));
    assert_eq!(desk.look().await["jobs"], json!({"deadLettered": [], "more": false}));
    assert_eq!(counter.read(&failed).await, failed);
    counter.pass(5);
    let sent = counter.messages(Priority::Low).await;
    let sent: Vec<_> = sent.iter().filter_map(JobMessage::job_id).collect();
    assert!(sent.contains(&first.id) && sent.contains(&second.id) && sent.len() == 2);
}

#[tokio::test]
async fn a_wrong_request_names_the_member() {
    let desk = Desk::new().await;
    for (body, pointer) in [
        (json!({"webhooks": "yes"}), "/webhooks"),
        (json!({"jobs": 1}), "/jobs"),
        (json!({"dryRun": "no"}), "/dryRun"),
        (json!({"ratePerSecond": 0}), "/ratePerSecond"),
        (json!({"ratePerSecond": 501}), "/ratePerSecond"),
        (json!({"limit": 0}), "/limit"),
        (json!({"limit": 101}), "/limit"),
        (json!({"dry": true}), "/dry"),
    ] {
        let got = desk.redrive(body.clone()).await;
        assert_eq!(got.status, 400, "{body}");
        assert_eq!(got.body["errors"][0]["pointer"], pointer, "{got:?}");
    }
    let got = desk.counter.send("GET", &format!("{PAGE}?limit=0"), Some(&desk.token), Body::empty()).await;
    assert_eq!(got.status, 400);
}

#[tokio::test]
async fn a_queue_out_of_reach_leaves_all_as_it_is() {
    let desk = Desk::new().await;
    let job = desk.given_up().await;
    desk.bury().await;
    for operation in ["GetQueueAttributes", "StartMessageMoveTask"] {
        desk.counter.bed.faults.plan(When::Always, Fault::Unreached, Some(operation));
        assert_eq!(desk.redrive(json!({})).await.status, 503, "{operation}");
        desk.counter.bed.faults.clear();
        assert_eq!(desk.counter.read(&job).await, job);
        assert_eq!(desk.look().await["webhooks"]["depth"], 1);
    }
    for operation in ["ReceiveMessage", "ListMessageMoveTasks"] {
        desk.counter.bed.faults.plan(When::Always, Fault::Unreached, Some(operation));
        let got = desk.counter.send("GET", PAGE, Some(&desk.token), Body::empty()).await;
        assert_eq!(got.status, 503, "{operation}");
        desk.counter.bed.faults.clear();
    }
    // Who could not be told that it began asks again, and is told that it is on, or moves nothing.
    desk.counter.bed.faults.plan(When::Nth(0), Fault::AnswerLost, Some("StartMessageMoveTask"));
    assert_eq!(desk.redrive(json!({})).await.status, 503);
    assert_eq!(desk.redrive(json!({})).await.status, 202);
    assert_eq!(desk.counter.deliveries().await.len(), 1);
}

#[tokio::test]
async fn a_job_that_cannot_be_started_keeps_no_other_from_it() {
    let desk = Desk::new().await;
    let (first, second) = (desk.given_up().await, desk.given_up().await);
    desk.counter.bed.faults.plan(When::Nth(0), Fault::Unreached, Some("SendMessage"));
    let got = desk.redrive(json!({"webhooks": false})).await;
    let jobs = &got.body["jobs"];
    let (rerun, not) = (jobs["rerun"].as_array().unwrap(), jobs["notRerun"].as_array().unwrap());
    assert_eq!((got.status.as_u16(), rerun.len(), not.len()), (202, 1, 1));
    assert!(!not[0]["why"].as_str().unwrap().is_empty());
    desk.counter.bed.faults.clear();
    assert_eq!(desk.redrive(json!({"webhooks": false})).await.body["jobs"]["rerun"], json!([not[0]["id"]]));
    for job in [first, second] {
        let run: Option<Run> = desk.counter.read(&job).await.run;
        assert!(run.is_some_and(|run| !run.dead_lettered));
    }
}
