//! Receivers that fail, and how often and when they are asked again.

use std::time::{Duration, UNIX_EPOCH};

use domain::delivery::{Delivery, DeliveryState, MAX_ATTEMPTS_KEPT};
use domain::message::{Deliver, Target};

use crate::house::House;
use crate::sink::answer;

fn numbers(record: &Delivery) -> Vec<u32> {
    record.attempts.iter().map(|attempt| attempt.attempt).collect()
}

#[tokio::test]
async fn a_receiver_that_fails_twice_is_asked_a_third_time() {
    let house = House::build().await;
    let (_, message) = house.owing(Target::Job).await;
    house.sink.will([answer(500).body("oh"), answer(404)]);
    house.send(&message).await;
    for round in 1..=2 {
        assert_eq!(house.step().await, (0, 1));
        let record = house.record(&message).await;
        assert_eq!((record.state, record.attempt_count), (DeliveryState::Retrying, round));
        let due = record.next_attempt_at.unwrap();
        assert_eq!(record.attempts.last().unwrap().next_attempt_at, Some(due));
        // The message hides until then, and no longer than the seconds that SQS counts in.
        assert_eq!(house.depth("webhooks"), (0, 1, 0));
        house.pass(due.since(house.now()) - Duration::from_millis(1));
        assert_eq!(house.step().await, (0, 0));
        house.pass_seconds(1);
    }
    assert_eq!(house.step().await, (1, 0));
    let record = house.record(&message).await;
    assert_eq!((record.state, record.next_attempt_at), (DeliveryState::Delivered, None));
    assert_eq!(numbers(&record), [1, 2, 3]);
    let statuses: Vec<_> = record.attempts.iter().map(|attempt| attempt.response_status.unwrap()).collect();
    assert_eq!(statuses, [500, 404, 200]);
    let first = &record.attempts[0];
    assert_eq!((first.error_class.as_deref(), first.response_body.as_deref()), (Some("status"), Some("oh")));
    assert!(first.error.as_deref().unwrap().contains("500"));

    let arrived = house.sink.take();
    assert!(arrived.iter().all(|request| request.header("webhook-id") == message.webhook_id.to_string()));
    let timestamps: Vec<i64> =
        arrived.iter().map(|request| request.header("webhook-timestamp").parse().unwrap()).collect();
    assert!(timestamps.is_sorted() && timestamps[0] < timestamps[2]);
    assert!(house.is_idle());
}

#[tokio::test]
async fn after_the_last_step_it_is_dead_and_a_move_back_begins_a_new_round() {
    let house = House::with(&[("WEBHOOK_RETRY_SCHEDULE", "1s,2s")]).await;
    let (_, message) = house.owing(Target::Job).await;
    house.sink.will([500, 500, 500].map(answer));
    house.send(&message).await;
    assert_eq!(house.step().await, (0, 1));
    house.pass_step(&message).await;
    assert_eq!(house.step().await, (0, 1));
    house.pass_step(&message).await;
    assert_eq!(house.step().await, (1, 0));
    let record = house.record(&message).await;
    assert_eq!((record.state, record.next_attempt_at), (DeliveryState::Dead, None));
    assert_eq!(house.depth("webhooks-dlq"), (1, 0, 0));
    assert!(house.is_idle());

    let buried = house.exhume().await;
    let [buried] = buried.as_slice() else { panic!("{buried:?}") };
    let letter: Deliver = serde_json::from_str(buried).unwrap();
    assert_eq!(letter, Deliver { round: 1, ..message.clone() });
    house.sink.will([answer(500)]);
    house.send_text("webhooks", buried).await;
    assert_eq!(house.step().await, (0, 1));
    let record = house.record(&message).await;
    assert_eq!((record.round, record.round_attempts), (1, 1));
    house.pass_step(&message).await;
    assert_eq!(house.step().await, (1, 0));
    let record = house.record(&message).await;
    assert_eq!((record.state, numbers(&record)), (DeliveryState::Delivered, vec![1, 2, 3, 4, 5]));
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_fails() {
    let house = House::build().await;
    let (_, message) = house.owing(Target::Job).await;
    house.sink.will([answer(302).header("location", house.sink.url())]);
    house.send(&message).await;
    assert_eq!(house.step().await, (0, 1));
    assert_eq!(house.sink.arrivals(), 1);
    let record = house.record(&message).await;
    let attempt = &record.attempts[0];
    assert_eq!((attempt.response_status, attempt.error_class.as_deref()), (Some(302), Some("status")));
    assert!(attempt.error.as_deref().unwrap().contains("redirects are not followed"));
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_not_asked_again() {
    let house = House::build().await;
    let (_, message) = house.owing(Target::Job).await;
    house.sink.will([answer(410)]);
    house.send(&message).await;
    assert_eq!(house.step().await, (1, 0));
    assert_eq!(house.record(&message).await.state, DeliveryState::Dead);
    assert_eq!(house.depth("webhooks-dlq"), (1, 0, 0));
    assert!(house.is_idle());
}

#[tokio::test]
async fn a_receiver_may_say_when_to_come_again() {
    let house = House::build().await;
    let date =
        UNIX_EPOCH + Duration::from_millis(house.now().plus(Duration::from_secs(50)).as_millis() as u64);
    // 50 seconds from a quarter past the second, to the whole second that an HTTP date can say.
    let cases = [
        (answer(429).header("retry-after", "40"), 40_000),
        (answer(503).header("retry-after", httpdate::fmt_http_date(date)), 49_750),
    ];
    for (answer, millis) in cases {
        let (_, message) = house.owing(Target::Job).await;
        house.sink.will([answer]);
        house.send(&message).await;
        house.step().await;
        let record = house.record(&message).await;
        assert_eq!(record.next_attempt_at, Some(house.now().plus(Duration::from_millis(millis))));
    }
    let (_, message) = house.owing(Target::Job).await;
    house.sink.will([answer(500).header("retry-after", "40")]);
    house.send(&message).await;
    house.step().await;
    assert!(house.record(&message).await.next_attempt_at < Some(house.now().plus(Duration::from_secs(2))));
}

#[tokio::test]
async fn a_long_wait_is_spent_as_delayed_copies() {
    let house = House::with(&[("WEBHOOK_RETRY_SCHEDULE", "1h")]).await;
    let (_, message) = house.owing(Target::Job).await;
    house.sink.will([answer(500)]);
    house.send(&message).await;
    assert_eq!(house.step().await, (1, 0));
    let due = house.record(&message).await.next_attempt_at.unwrap();
    assert!(due >= house.now().plus(Duration::from_secs(48 * 60)));
    let mut hops = 0;
    while due.since(house.now()) > Duration::from_secs(900) {
        assert_eq!(house.depth("webhooks"), (0, 0, 1));
        house.pass_seconds(900);
        assert_eq!(house.step().await, (1, 0));
        hops += 1;
    }
    assert!((3..=4).contains(&hops), "{hops}");
    // The last copy comes up to a second early and hides for the rest of it.
    house.pass(Duration::from_secs(due.since(house.now()).as_secs()));
    assert_eq!(house.step().await.0, 0);
    assert_eq!(house.sink.arrivals(), 1);
    house.pass_seconds(1);
    assert_eq!(house.step().await, (1, 0));
    assert_eq!(house.record(&message).await.state, DeliveryState::Delivered);
    assert!(house.is_idle());
}

#[tokio::test]
async fn many_short_steps_do_not_run_into_the_queues_own_limit() {
    let schedule = vec!["1s"; 24].join(",");
    let house = House::with(&[("WEBHOOK_RETRY_SCHEDULE", &schedule)]).await;
    let (_, message) = house.owing(Target::Job).await;
    house.sink.will((0..25).map(|_| answer(500)));
    house.send(&message).await;
    for _ in 0..24 {
        house.step().await;
        house.pass_seconds(2);
        if house.depth("webhooks-dlq").0 > 0 {
            break;
        }
    }
    assert_eq!(house.step().await, (1, 0));
    let record = house.record(&message).await;
    assert_eq!((record.state, record.attempt_count), (DeliveryState::Dead, 25));
    assert_eq!(numbers(&record), (6..=25).collect::<Vec<_>>());
    assert_eq!(record.attempts.len(), MAX_ATTEMPTS_KEPT);
    assert_eq!(house.exhume().await.len(), 1);
}

#[tokio::test]
async fn an_inner_address_is_refused_and_the_record_says_how_to_open_it() {
    let house = House::with(&[("EGRESS_ALLOW", "")]).await;
    let (_, message) = house.owing(Target::Job).await;
    house.send(&message).await;
    assert_eq!(house.step().await, (0, 1));
    assert_eq!(house.sink.arrivals(), 0);
    let record = house.record(&message).await;
    let attempt = &record.attempts[0];
    assert_eq!((attempt.response_status, attempt.error_class.as_deref()), (None, Some("refused-address")));
    assert!(attempt.error.as_deref().unwrap().contains("EGRESS_ALLOW"));
}

#[tokio::test]
async fn a_url_that_is_none_fails_like_a_receiver() {
    let house = House::build().await;
    let (_, message) = house.owing(Target::Job).await;
    house.send(&Deliver { url: "nowhere".to_owned(), ..message.clone() }).await;
    assert_eq!(house.step().await, (0, 1));
    assert_eq!(house.record(&message).await.attempts[0].error_class.as_deref(), Some("request"));
}

#[tokio::test]
async fn a_huge_answer_is_cut() {
    let house = House::build().await;
    let (_, message) = house.owing(Target::Job).await;
    // Neither ASCII nor UTF-8: each byte becomes three when it is replaced.
    house.sink.will([answer(200).body(vec![0xff; 10 * 1024 * 1024])]);
    house.send(&message).await;
    assert_eq!(house.step().await, (1, 0));
    let record = house.record(&message).await;
    assert_eq!(record.state, DeliveryState::Delivered);
    let body = record.attempts[0].response_body.as_deref().unwrap();
    assert!(body.len() <= 4096 && body.len() > 4090 && body.ends_with('…'), "{}", body.len());
}

#[tokio::test]
async fn records_expire_after_the_retention() {
    let house = House::with(&[("RETENTION_DAYS", "2")]).await;
    let (_, message) = house.owing(Target::Job).await;
    house.send(&message).await;
    house.step().await;
    house.pass_seconds(2 * 24 * 3_600);
    assert!(house.found(&message).await.is_some());
    house.pass_seconds(1);
    house.engine.sweep_ttl().unwrap();
    assert_eq!(house.found(&message).await, None);

    let keeping = House::with(&[("RETENTION_DAYS", "0")]).await;
    let (_, message) = keeping.owing(Target::Job).await;
    keeping.send(&message).await;
    keeping.step().await;
    keeping.pass_seconds(1_000 * 24 * 3_600);
    keeping.engine.sweep_ttl().unwrap();
    assert!(keeping.found(&message).await.is_some());
}
