//! Two thousand deliveries, with receivers of which every third fails: each ends as its steps say.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::delivery::{DeliveryState, MAX_ATTEMPTS_KEPT, Receivers, owed};
use domain::endpoint::{Endpoint, MOST_ENDPOINTS};
use domain::message::{Deliver, Target};
use domain::payload::Payload;

use crate::house::{House, OWNER_SECRET};
use crate::sink::{Sink, answer};

const JOBS: usize = 100;
/// Three endpoints never take anything, and three take each delivery at its third attempt: 30 %.
const DEAF: usize = 3;
const MOODY: usize = 3;
const STEPS: &str = "1s,2s,30s,90s";

#[tokio::test]
async fn all_end_as_their_steps_say_and_no_attempt_is_missing() {
    let house = House::with(&[("WEBHOOK_RETRY_SCHEDULE", STEPS)]).await;
    let (deaf, moody) = (Sink::start().await, Sink::start().await);
    // More than there can be requests.
    deaf.will((0..JOBS * DEAF * 10).map(|_| answer(503)));
    moody.will((0..JOBS * MOODY * 2).map(|_| answer(500)));
    let owner = house.user(Some(house.seal(OWNER_SECRET))).await;
    let mut endpoints = Vec::new();
    for n in 0..MOST_ENDPOINTS {
        let sink = if n < DEAF {
            &deaf
        } else if n < DEAF + MOODY {
            &moody
        } else {
            &house.sink
        };
        endpoints.push(house.endpoint(owner.id, |endpoint| endpoint.url = sink.url()).await);
    }
    let mut messages = Vec::new();
    for _ in 0..JOBS {
        house.pass(Duration::from_millis(7));
        let job = house.job(owner.id, None).await;
        let to = Receivers { deployment: None, endpoints: &endpoints };
        let all = owed(&job, job.run.as_ref().unwrap(), &Payload::empty(), to);
        messages.extend(all.into_iter().filter(|one| one.endpoint_id != Target::Job));
    }
    assert_eq!(messages.len(), 2_000);
    house.queues.send(&messages, Duration::ZERO).await.unwrap();
    // Every tenth comes twice, as SQS may do it.
    let twice: Vec<_> = messages.iter().step_by(10).cloned().collect();
    house.queues.send(&twice, Duration::ZERO).await.unwrap();
    let began = house.now();
    while !house.is_idle() {
        while house.step().await != (0, 0) {}
        house.pass_seconds(1);
        assert!(house.now().since(began) < Duration::from_secs(3_600), "it does not end");
    }
    let ended = judge(&house, &messages, &endpoints).await;
    let wanted = [("dead", JOBS * DEAF), ("delivered", JOBS * (MOST_ENDPOINTS - DEAF))];
    assert_eq!(ended, wanted.into());
    let mut buried = std::collections::BTreeSet::new();
    loop {
        let letters = house.exhume().await;
        if letters.is_empty() {
            break;
        }
        buried.extend(letters.iter().map(|text| serde_json::from_str::<Deliver>(text).unwrap().webhook_id));
    }
    assert_eq!(buried.len(), JOBS * DEAF);
}

async fn judge(house: &House, messages: &[Deliver], endpoints: &[Endpoint]) -> BTreeMap<&'static str, usize> {
    let mut ended = BTreeMap::new();
    for message in messages {
        let record = house.record(message).await;
        let n = endpoints.iter().position(|one| Target::Endpoint(one.id) == message.endpoint_id).unwrap();
        let (state, least) = match n {
            n if n < DEAF => (DeliveryState::Dead, 5),
            _ => (DeliveryState::Delivered, 1),
        };
        assert_eq!(record.state, state, "{record:?}");
        assert!(record.attempt_count >= least && record.attempt_count <= 6, "{record:?}");
        // The numbers have no hole, and the record's version counts the attempts.
        let numbers: Vec<_> = record.attempts.iter().map(|attempt| attempt.attempt).collect();
        assert_eq!(numbers, (1..=record.attempt_count).collect::<Vec<_>>());
        assert!(numbers.len() <= MAX_ATTEMPTS_KEPT);
        assert_eq!((record.version, record.next_attempt_at), (u64::from(record.attempt_count), None));
        // Two copies that met have attempted side by side.
        let alone = record.attempt_count == record.round_attempts;
        let waits = record.attempts.windows(2).zip([800, 1_600, 24_000, 72_000]).filter(|_| alone);
        for (two, least) in waits {
            let waited = two[1].sent_at.since(two[0].sent_at);
            assert!(waited >= Duration::from_millis(least), "{waited:?} {record:?}");
        }
        *ended.entry(record.state.as_str()).or_default() += 1;
    }
    ended
}
