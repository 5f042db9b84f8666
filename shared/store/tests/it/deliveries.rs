//! Deliveries: their record, and the pages of them.

use std::collections::BTreeMap;

use domain::delivery::{Delivery, DeliveryAttempt, DeliveryState};
use domain::event::EventType;
use domain::id::{EndpointId, RunId, WebhookId};
use domain::job::Job;
use domain::message::{Deliver, Target};
use store::DeliveryFilter;
use testkit::{Fault, When};

use crate::desk::Desk;

/// A first record of what that run sends.
pub(crate) fn delivery(desk: &Desk, job: &Job, run: RunId) -> Delivery {
    let message = message(desk, job, run);
    Delivery { version: 1, ..Delivery::new(&message, EventType::Completed, desk.now()) }
}

fn message(desk: &Desk, job: &Job, run: RunId) -> Deliver {
    Deliver {
        webhook_id: WebhookId::derive(run, EventType::Completed, desk.now(), "job"),
        job_id: job.id,
        user_id: job.user_id,
        run_id: run,
        endpoint_id: Target::Job,
        url: "https://example.com/hook".to_owned(),
        body: "{}".to_owned(),
        round: 0,
        cancel_id: None,
        turn: None,
    }
}

fn attempted(record: &Delivery, desk: &Desk, state: DeliveryState) -> Delivery {
    let attempt = DeliveryAttempt {
        attempt: 0,
        sent_at: desk.now(),
        duration_ms: 12,
        response_status: Some(503),
        request_headers: BTreeMap::new(),
        response_headers: BTreeMap::new(),
        response_body: Some(String::new()),
        error: Some("the answer was 503".to_owned()),
        error_class: None,
        next_attempt_at: Some(desk.now()),
    };
    record.attempted(attempt, state)
}

#[tokio::test]
async fn each_write_is_fenced_by_the_version_before() {
    let desk = Desk::new().await;
    let job = desk.job().await;
    let first = delivery(&desk, &job, desk.run_id());
    assert_eq!(desk.sound.delivery(job.id, first.id).await.unwrap(), None);
    assert!(desk.sound.replace_delivery(&first, None).await.unwrap());
    let (ours, mut theirs) =
        (attempted(&first, &desk, DeliveryState::Retrying), attempted(&first, &desk, DeliveryState::Dead));
    theirs.attempts[0].duration_ms = 99;
    assert!(desk.sound.replace_delivery(&ours, Some(desk.now())).await.unwrap());
    assert!(!desk.sound.replace_delivery(&theirs, None).await.unwrap());
    assert!(
        !desk.sound.replace_delivery(&Delivery { url: "other".to_owned(), ..first }, None).await.unwrap()
    );
    assert_eq!(desk.sound.delivery(job.id, ours.id).await.unwrap(), Some(ours));
}

#[tokio::test]
async fn a_lost_answer_counts_as_written() {
    let desk = Desk::new().await;
    let job = desk.job().await;
    let first = delivery(&desk, &job, desk.run_id());
    let second = attempted(&first, &desk, DeliveryState::Retrying);
    for record in [first, second] {
        desk.bed.faults.plan(When::Nth(0), Fault::AnswerLost, Some("PutItem"));
        assert!(desk.patient.replace_delivery(&record, None).await.unwrap());
        assert_eq!(desk.bed.faults.strikes(), 1);
        assert_eq!(desk.sound.delivery(job.id, record.id).await.unwrap(), Some(record));
    }
}

#[tokio::test]
async fn a_delivery_is_made_knowing_its_job_and_its_owner() {
    let desk = Desk::new().await;
    let persona = testkit::user(&desk.bed, "owner");
    desk.sound.create_user(&persona.user, &persona.email, &persona.name).await.unwrap();
    let job = desk.write(Job { user_id: persona.user.id, ..desk.draft() }).await;
    let message = message(&desk, &job, desk.run_id());
    let record = Delivery { version: 1, ..Delivery::new(&message, EventType::Completed, desk.now()) };
    let ask = async |owner| desk.sound.delivery_context(&message, owner, desk.now()).await.unwrap();
    let before = ask(false).await;
    assert_eq!((before.delivery, before.job, before.owner), (None, Some(job.clone()), None));
    desk.sound.replace_delivery(&record, None).await.unwrap();
    let after = ask(true).await;
    assert_eq!((after.delivery, after.owner), (Some(record.clone()), Some(persona.user.clone())));
    let mark = domain::life::delete(&job, desk.now(), std::time::Duration::from_secs(9));
    desk.sound.replace_job(&mark).await.unwrap();
    assert_eq!(ask(false).await.job, None);
}

#[tokio::test]
async fn pages_of_a_job_and_of_a_user_show_each_delivery_once() {
    let desk = Desk::new().await;
    let jobs = [desk.job().await, desk.job().await, desk.job().await];
    let mut written = Vec::new();
    for n in 0..45_usize {
        desk.pass(1);
        let mut record = delivery(&desk, &jobs[n % 3], desk.run_id());
        record.state = DeliveryState::ALL[n % 5];
        assert!(desk.sound.replace_delivery(&record, None).await.unwrap());
        written.push(record);
    }
    written.reverse();
    for limit in [1, 7, 15, 45, 100] {
        for job in &jobs {
            let wanted: Vec<_> = written.iter().filter(|record| record.job_id == job.id).cloned().collect();
            let (mut seen, mut after, mut pages) = (Vec::new(), None, 0);
            loop {
                let page = desk.sound.job_deliveries(job.id, after, limit, desk.now()).await.unwrap();
                seen.extend(page.deliveries);
                pages += 1;
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            assert_eq!((seen, pages), (wanted, 15_usize.div_ceil(limit)), "{limit}");
        }
        for states in [&[][..], &[DeliveryState::Dead], &[DeliveryState::Dead, DeliveryState::Pending]] {
            let wanted = |record: &&Delivery| states.is_empty() || states.contains(&record.state);
            let wanted: Vec<_> = written.iter().filter(wanted).cloned().collect();
            let (mut seen, mut after, mut pages) = (Vec::new(), None, 0);
            loop {
                let filter = DeliveryFilter { states: states.to_vec(), ..DeliveryFilter::default() };
                let page = desk.sound.user_deliveries(desk.owner, &filter, after, limit, desk.now());
                let page = page.await.unwrap();
                seen.extend(page.deliveries);
                pages += 1;
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            assert_eq!((seen, pages), (wanted.clone(), wanted.len().div_ceil(limit)), "{limit} {states:?}");
        }
    }
    let other = testkit::user(&desk.bed, "other").user.id;
    let other = desk.sound.user_deliveries(other, &DeliveryFilter::default(), None, 9, desk.now()).await;
    assert!(other.unwrap().deliveries.is_empty());
}

#[tokio::test]
async fn a_users_deliveries_are_found_by_their_receiver_and_the_moment_of_their_event() {
    let desk = Desk::new().await;
    let job = desk.job().await;
    let endpoint = EndpointId::fresh(desk.now(), desk.bed.ambient.entropy());
    let mut written = Vec::new();
    for n in 0..30_usize {
        desk.pass(1);
        let to = if n % 3 == 0 { Target::Endpoint(endpoint) } else { Target::Job };
        let message = Deliver { endpoint_id: to, ..message(&desk, &job, desk.run_id()) };
        let mut record = Delivery { version: 1, ..Delivery::new(&message, EventType::Completed, desk.now()) };
        record.state = DeliveryState::ALL[n % 2];
        assert!(desk.sound.replace_delivery(&record, None).await.unwrap());
        written.push(record);
    }
    written.reverse();
    let to = |target| DeliveryFilter { to: Some(target), ..DeliveryFilter::default() };
    let (since, until) = (Some(written[19].created_at), Some(written[9].created_at));
    let filters = [
        to(Target::Endpoint(endpoint)),
        to(Target::Deployment),
        DeliveryFilter { since, ..DeliveryFilter::default() },
        DeliveryFilter { until, ..DeliveryFilter::default() },
        DeliveryFilter { since, until, states: vec![DeliveryState::Pending], ..to(Target::Job) },
    ];
    for (filter, count) in filters.into_iter().zip([10, 0, 20, 20, 3]) {
        let wanted = |record: &&Delivery| {
            (filter.states.is_empty() || filter.states.contains(&record.state))
                && filter.to.is_none_or(|to| to == record.endpoint_id)
                && filter.since.is_none_or(|since| record.created_at >= since)
                && filter.until.is_none_or(|until| record.created_at < until)
        };
        let wanted: Vec<_> = written.iter().filter(wanted).cloned().collect();
        assert_eq!(wanted.len(), count, "{filter:?}");
        for limit in [1, 4, 100] {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let page = desk.sound.user_deliveries(desk.owner, &filter, after, limit, desk.now());
                let page = page.await.unwrap();
                assert!(page.deliveries.len() <= limit);
                seen.extend(page.deliveries);
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            assert_eq!(seen, wanted, "{limit} {filter:?}");
        }
    }
}

#[tokio::test]
async fn a_record_that_says_all_of_itself_is_read_like_one_that_leaves_to_its_keys_what_they_tell() {
    let desk = Desk::new().await;
    let job = desk.job().await;
    let record = attempted(&delivery(&desk, &job, desk.run_id()), &desk, DeliveryState::Retrying);
    assert!(desk.sound.replace_delivery(&Delivery { version: 1, ..record.clone() }, None).await.unwrap());
    let record = Delivery { version: 1, ..record };
    assert_eq!(desk.sound.delivery(job.id, record.id).await.unwrap().as_ref(), Some(&record));
    let client = desk.bed.sound_clients().dynamodb();
    let text = |value: String| aws_sdk_dynamodb::types::AttributeValue::S(value);
    let update = client.update_item().table_name(testkit::TABLE).set_key(Some(
        [("pk", format!("JOB#{}", job.id)), ("sk", format!("DELIVERY#{}", record.id))]
            .map(|(name, value)| (name.to_owned(), text(value)))
            .into(),
    ));
    let update = update
        .update_expression("SET id = :id, jobId = :job, userId = :user, endpointId = :to, #state = :state, requestBody = body REMOVE body")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":id", text(record.id.to_string()))
        .expression_attribute_values(":job", text(job.id.to_string()))
        .expression_attribute_values(":user", text(job.user_id.to_string()))
        .expression_attribute_values(":to", text("job".to_owned()))
        .expression_attribute_values(":state", text("retrying".to_owned()));
    update.send().await.unwrap();
    assert_eq!(desk.sound.delivery(job.id, record.id).await.unwrap().as_ref(), Some(&record));
}

#[tokio::test]
async fn a_message_finds_its_job_behind_whatever_stands_between_and_what_several_share_is_read_once() {
    let desk = Desk::new().await;
    let (job, other) = (desk.job().await, desk.job().await);
    let (old, fresh) = (message(&desk, &job, desk.run_id()), message(&desk, &other, desk.run_id()));
    assert!(desk.sound.replace_delivery(&delivery(&desk, &job, old.run_id), None).await.unwrap());
    for _ in 0..3 {
        desk.pass(1);
        let later = delivery(&desk, &job, desk.run_id());
        assert!(desk.sound.replace_delivery(&later, None).await.unwrap());
    }
    desk.bed.faults.clear();
    let found = desk.patient.delivery_contexts(&[(&old, true), (&fresh, true)], desk.now()).await.unwrap();
    let seen: Vec<_> = found
        .iter()
        .map(|one| (one.job.as_ref().map(|job| job.id), one.delivery.as_ref().map(|one| one.id)))
        .collect();
    assert_eq!(seen, [(Some(job.id), Some(old.webhook_id)), (Some(other.id), None)]);
    let calls = desk.bed.faults.calls();
    let mut names: Vec<_> = calls.iter().map(testkit::Call::name).collect();
    names.sort_unstable();
    assert_eq!(names, ["BatchGetItem", "GetItem", "Query", "Query"]);
    let shared = calls.iter().find(|call| call.name() == "BatchGetItem").unwrap();
    assert_eq!(shared.body.matches("\"PROFILE\"").count(), 1);
}
