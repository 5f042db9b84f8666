use std::collections::BTreeMap;

use domain::api_key::{Scope, Scopes};
use domain::delivery::{Delivery, DeliveryAttempt, DeliveryState};
use domain::event::EventType;
use domain::id::{RunId, UserId, WebhookId};
use domain::job::{Job, JobWebhook, PayloadPlace, Priority, Run, Status, Timetable};
use domain::life;
use domain::log::Log;
use domain::message::{Deliver, Target};
use domain::payload::Payload;
use domain::schedule::Schedule;
use domain::time::Moment;
use domain::user::{Role, User};
use serde_json::{Value, json};

use super::*;
use crate::caller::{Caller, Credential};

const HEX: &str = "018bcfe568007abcabababababababab";

fn job(payload: PayloadPlace) -> Job {
    let at = Moment::from_millis(1_700_000_000_000);
    let run = Run {
        attempt: 2,
        completed_at: Some(Moment::from_millis(1_700_000_003_000)),
        outcome: Some(Status::Completed),
        result: Some(json!({"ok": true})),
        ..Run::new(format!("run_{HEX}").parse::<RunId>().unwrap(), at)
    };
    let mut log = Log::default();
    log.add(at, Status::Pending, "created", None);
    Job {
        id: format!("job_{HEX}").parse().unwrap(),
        user_id: format!("usr_{HEX}").parse().unwrap(),
        task_name: "Report".into(),
        task_type: "simulate".into(),
        payload,
        priority: Priority::High,
        status: Status::Completed,
        version: 4,
        max_retries: 3,
        timeout_seconds: domain::job::LONGEST_TIMEOUT,
        timetable: None,
        webhook: Some(JobWebhook { url: "https://x.example/hook".into(), secret: None }),
        run: Some(run),
        log,
        created_at: at,
        updated_at: Moment::from_millis(1_700_000_003_000),
        cancel_id: None,
        deleted_at: None,
        expires_at: None,
    }
}

#[test]
fn a_job_shows_these_members_and_no_others() {
    let payload = Payload::stored("{\"n\":1.10}".into()).unwrap();
    let text =
        serde_json::to_string(&JobView::from(&job(PayloadPlace::Here(payload))).with_parameters()).unwrap();
    assert!(text.contains("\"payload\":{\"n\":1.10},\"parameters\":{\"n\":1.10}"), "{text}");
    let mut view: Value = serde_json::from_str(&text).unwrap();
    view.as_object_mut().unwrap().remove("payload");
    view.as_object_mut().unwrap().remove("parameters");
    assert_eq!(
        view,
        json!({
            "id": format!("job_{HEX}"), "jobId": format!("job_{HEX}"), "userId": format!("usr_{HEX}"),
            "taskName": "Report", "type": "simulate", "priority": "high", "status": "completed",
            "attempts": 2, "maxRetries": 3, "retryCount": 1, "timeoutSeconds": 50,
            "schedule": null, "nextRunAt": null,
            "webhookUrl": "https://x.example/hook", "lastError": null, "result": {"ok": true},
            "createdAt": "2023-11-14T22:13:20.000Z", "updatedAt": "2023-11-14T22:13:23.000Z",
            "startedAt": "2023-11-14T22:13:20.000Z", "completedAt": "2023-11-14T22:13:23.000Z",
            "runDurationMs": 3000, "version": 4
        })
    );
}

/// A schedule that begins at the job's creation.
fn table(schedule: Value) -> Timetable {
    let at = Moment::from_millis(1_700_000_000_000);
    life::scheduled(Schedule::parse(&schedule, "/schedule", at).unwrap(), 1, at)
}

#[test]
fn a_schedule_is_shown_as_it_may_be_sent_back_and_so_is_its_next_run() {
    let schedule = json!({
        "type": "recurring", "startTime": "2023-11-15T08:00:00.000Z",
        "recurrence": {"interval": "daily", "timezone": "Asia/Kolkata", "maxRuns": 3},
        "missed": "skip", "paused": false
    });
    let mut waits = job(PayloadPlace::Here(Payload::empty()));
    (waits.status, waits.timetable) = (Status::Pending, Some(table(schedule.clone())));
    waits.run.as_mut().unwrap().last_error = Some("the last run failed".into());
    let view = serde_json::to_value(JobView::from(&waits)).unwrap();
    assert_eq!((&view["schedule"], &view["nextRunAt"]), (&schedule, &json!("2023-11-15T08:00:00.000Z")));
    assert_eq!((&view["status"], &view["lastError"]), (&json!("pending"), &json!("the last run failed")));
    let mut rests = waits.clone();
    rests.timetable.as_mut().unwrap().schedule.paused = true;
    let view = serde_json::to_value(JobView::from(&rests)).unwrap();
    assert_eq!((&view["schedule"]["paused"], &view["nextRunAt"]), (&json!(true), &Value::Null));
    waits.status = Status::Cancelled;
    assert_eq!(JobView::from(&waits).next_run_at, None);
}

#[test]
fn a_schedule_is_described_as_it_is_written() {
    use utoipa::PartialSchema;
    let names = |described: Value| -> Vec<String> {
        described["properties"].as_object().unwrap().keys().cloned().collect()
    };
    let at = Moment::from_millis(1_700_000_000_000);
    let whole = json!({"startTime": "2030-01-01T00:00", "timezone": "Asia/Kolkata"});
    let once = serde_json::to_value(Schedule::parse(&whole, "", at).unwrap()).unwrap();
    let whole = json!({"startTime": "2030-01-01T00:00:00Z",
        "recurrence": {"interval": "daily", "endTime": "2031-01-01T00:00:00Z", "maxRuns": 2}});
    let again = serde_json::to_value(Schedule::parse(&whole, "", at).unwrap()).unwrap();
    let shape = names(serde_json::to_value(ScheduleShape::schema()).unwrap());
    assert_eq!(shape, ["missed", "paused", "recurrence", "startTime", "timezone", "type"]);
    for written in [&once, &again] {
        assert!(written.as_object().unwrap().keys().all(|name| shape.contains(name)), "{written}");
    }
    let recurrence = names(serde_json::to_value(RecurrenceShape::schema()).unwrap());
    assert!(again["recurrence"].as_object().unwrap().keys().all(|name| recurrence.contains(name)), "{again}");
}

#[test]
fn a_run_shows_what_it_did() {
    let ended = job(PayloadPlace::Here(Payload::empty())).run.unwrap();
    let due = Moment::from_millis(1_700_000_000_000);
    let ended = Run { due_at: Some(due), last_error: Some("once".into()), ..ended };
    assert_eq!(
        serde_json::to_value(RunView::from(&ended)).unwrap(),
        json!({
            "runId": format!("run_{HEX}"), "attempts": 2, "scheduledFor": "2023-11-14T22:13:20.000Z",
            "startedAt": "2023-11-14T22:13:20.000Z", "completedAt": "2023-11-14T22:13:23.000Z",
            "durationMs": 3000, "outcome": "completed", "error": "once", "result": {"ok": true},
            "deadLettered": false
        })
    );
    let on = RunView::from(&Run::new(ended.id, due));
    assert_eq!((on.outcome, on.completed_at, on.duration_ms, on.attempts), ("running", None, None, 0));
}

#[test]
fn a_payload_kept_apart_is_shown_when_it_is_given() {
    let apart = job(PayloadPlace::Apart { head: "\"big".into() });
    assert!(JobView::from(&apart).payload.is_none());
    let given = JobView::from(&apart).with_payload(Payload::empty());
    assert_eq!(given.payload.as_ref().unwrap().as_str(), "{}");
    assert!(given.without_payload().payload.is_none());
}

#[test]
fn a_log_entry_is_named_after_its_job() {
    let entries = LogView::all(&job(PayloadPlace::Here(Payload::empty())));
    assert_eq!(
        serde_json::to_value(&entries).unwrap(),
        json!([{"logId": format!("job_{HEX}-1"), "timestamp": "2023-11-14T22:13:20.000Z", "status": "pending",
            "message": "created", "error": null}])
    );
}

#[test]
fn a_delivery_is_a_row_an_attempt() {
    let at = Moment::from_millis(1_700_000_000_000);
    let message = Deliver {
        webhook_id: format!("msg_{HEX}").parse::<WebhookId>().unwrap(),
        job_id: format!("job_{HEX}").parse().unwrap(),
        user_id: format!("usr_{HEX}").parse::<UserId>().unwrap(),
        run_id: format!("run_{HEX}").parse().unwrap(),
        endpoint_id: Target::Job,
        url: "https://x.example/hook".into(),
        body: "{\"type\":\"job.completed\"}".into(),
        round: 0,
        cancel_id: None,
        turn: None,
    };
    let fresh = Delivery::new(&message, EventType::Completed, at);
    let owner = caller('b', Role::User);
    let none = DeliveryView::rows(&fresh, &owner);
    assert_eq!((none.len(), none[0].attempt, none[0].state), (1, 0, "pending"));

    let attempt = |error: Option<&str>, status| DeliveryAttempt {
        attempt: 0,
        sent_at: at,
        duration_ms: 12,
        response_status: Some(status),
        request_headers: BTreeMap::new(),
        response_headers: BTreeMap::new(),
        response_body: Some("text".into()),
        error: error.map(Into::into),
        error_class: error.map(|_| "status".into()),
        next_attempt_at: error.map(|_| at.plus(std::time::Duration::from_secs(1))),
    };
    let done = fresh
        .attempted(attempt(Some("answered 500"), 500), DeliveryState::Retrying)
        .attempted(attempt(None, 200), DeliveryState::Delivered);
    let rows = DeliveryView::rows(&done, &owner);
    let shown: Vec<_> = rows.iter().map(|row| (row.attempt, row.state, row.error.as_str())).collect();
    assert_eq!(shown, [(2, "delivered", ""), (1, "retrying", "answered 500")]);
    assert_eq!(rows[0].request_body, json!({"type": "job.completed"}));
    assert_eq!(rows[0].next_attempt_at, None);
    let cut = Delivery { request_body: "{\"type\":\"jo…".into(), ..done };
    assert!(DeliveryView::rows(&cut, &owner)[0].request_body.is_string());
}

fn person(last: char, role: Role) -> User {
    User {
        id: format!("usr_{}{last}", &HEX[..31]).parse().unwrap(),
        name: "Ada".into(),
        email: "ada@example.com".into(),
        password_hash: "$argon2id$..".into(),
        role,
        signing: None,
        tokens_valid_after: None,
        keys_valid_after: None,
        logged_out_at: None,
        deleted_at: None,
        created_at: Moment::from_millis(1_700_000_000_000),
        version: 1,
    }
}

fn caller(last: char, role: Role) -> Caller {
    let scopes = Scopes::of([Scope::Read]).unwrap();
    let id = format!("key_{HEX}").parse().unwrap();
    Caller { user: person(last, role), credential: Credential::Key { id, scopes } }
}

#[test]
fn the_url_of_a_receiver_is_for_those_whose_receiver_it_is() {
    let (owner, admin) = (caller('b', Role::User), caller('c', Role::Admin));
    let endpoint = Target::Endpoint(format!("end_{HEX}").parse().unwrap());
    let seen = |caller: &Caller, receiver, url: &str| url_for(caller, receiver, owner.user.id, url);
    let url = "https://hooks.example.com:8443/services/T0/secret?key=secret#secret";
    let host = "https://hooks.example.com:8443/***";
    for (caller, receiver, shown) in [
        (&owner, Target::Job, url),
        (&owner, endpoint, url),
        (&owner, Target::Deployment, host),
        (&admin, Target::Job, url),
        (&admin, endpoint, host),
        (&admin, Target::Deployment, url),
    ] {
        assert_eq!(seen(caller, receiver, url), shown, "{receiver} {:?}", caller.user.role);
    }
    for (hidden, shown) in [
        ("https://x.example", "https://x.example/"),
        ("https://x.example/?key", "https://x.example/***"),
        ("https://x.example/#key", "https://x.example/***"),
        ("https://user:secret@x.example/", "https://x.example/"),
        ("secret", "***"),
    ] {
        assert_eq!(seen(&admin, endpoint, hidden), shown);
    }
}

#[test]
fn a_user_is_shown_without_what_is_secret() {
    let user = person('b', Role::User);
    assert_eq!(
        serde_json::to_value(UserView::from(&user)).unwrap(),
        json!({"id": format!("usr_{HEX}"), "userId": format!("usr_{HEX}"), "name": "Ada",
            "email": "ada@example.com", "role": "user", "createdAt": "2023-11-14T22:13:20.000Z"})
    );
}
