//! Ten thousand jobs that are due in one minute.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use domain::id::JobId;
use domain::job::Priority;
use serde_json::Value;
use testkit::TABLE;

use crate::tower::{Tower, runs};

/// Writes copies of a job that is due in so many seconds, spread evenly over shards and queues.
async fn crowd(tower: &Tower, many: usize, seconds: u64, shards: usize) {
    let model = tower.job(seconds).await;
    let dynamodb = tower.bed.sound_clients().dynamodb();
    let key = |name: &str, value: String| (name.to_owned(), AttributeValue::S(value));
    let model_key = HashMap::from([key("pk", format!("JOB#{}", model.id)), key("sk", "JOB".to_owned())]);
    let got = dynamodb.get_item().table_name(TABLE).set_key(Some(model_key.clone())).send().await.unwrap();
    let item = got.item.unwrap();
    dynamodb.delete_item().table_name(TABLE).set_key(Some(model_key)).send().await.unwrap();
    let due = model.timetable.unwrap().due().unwrap().as_millis();
    let copies: Vec<_> = (0..many)
        .map(|n| {
            let id = JobId::fresh(tower.now(), tower.bed.ambient.entropy());
            let mut copy = item.clone();
            copy.extend([
                key("pk", format!("JOB#{id}")),
                key("id", id.to_string()),
                key("listSk", id.to_string()),
                key("priority", Priority::ALL[n % 3].to_string()),
                key("duePk", format!("DUE#{}", n % shards)),
                key("dueSk", format!("{due:015}#{id}")),
            ]);
            let put = PutRequest::builder().set_item(Some(copy)).build().unwrap();
            WriteRequest::builder().put_request(put).build()
        })
        .collect();
    for some in copies.chunks(25) {
        let written = dynamodb.batch_write_item().request_items(TABLE, some.to_vec()).send().await.unwrap();
        assert!(written.unprocessed_items.is_none_or(|left| left.is_empty()));
    }
}

#[allow(clippy::print_stderr, clippy::disallowed_methods, reason = "it shows how long it takes")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_jobs_of_one_minute_are_sent_by_its_tick() {
    const MANY: usize = 10_000;
    let tower = Tower::new().await;
    crowd(&tower, MANY, 61, 16).await;
    tower.pass(1);
    tower.bed.faults.clear();
    let began = Instant::now();
    let ticked = tower.scheduler(&[]).handle(Value::Null).await;
    let took = began.elapsed();
    let (queries, batches, updates) =
        (tower.calls("Query"), tower.calls("SendMessageBatch"), tower.calls("UpdateItem"));
    eprintln!("{MANY} due: {took:.1?}, {queries} Query, {batches} SendMessageBatch, {updates} UpdateItem");
    assert_eq!((ticked.read, ticked.sent, ticked.moved, ticked.late), (MANY, MANY, MANY, 0));
    assert!(ticked.clone().finished().is_ok());
    // A batch of each queue is left over.
    assert_eq!((queries, batches, updates), (16, 1_002, MANY));
    assert!(took < Duration::from_secs(60), "{took:?}");
    tower.pass(60);
    let received = tower.received().await;
    assert_eq!((received.len(), runs(&received).len()), (MANY, MANY));
}

#[tokio::test]
async fn a_shard_of_many_pages_is_sent_while_its_rows_move_behind_the_reader() {
    const MANY: usize = 2_100;
    let tower = Tower::new().await;
    crowd(&tower, MANY, 0, 1).await;
    // They are late: their rows are moved to a place that the same tick has yet to read.
    tower.pass(120);
    tower.bed.faults.clear();
    let ticked = tower.scheduler(&[("DUE_SHARDS", "1"), ("TICK_PARALLELISM", "4")]).handle(Value::Null).await;
    assert_eq!((ticked.sent, ticked.again, ticked.moved, ticked.late), (MANY, 0, MANY, MANY), "{ticked:?}");
    assert_eq!((ticked.late_ms, ticked.read), (120_000, MANY + ticked.waiting));
    assert!(ticked.waiting <= MANY, "{ticked:?}");
    assert!((3..=5).contains(&tower.calls("Query")), "{}", tower.calls("Query"));
    assert_eq!(tower.calls("SendMessageBatch"), 210);
    assert_eq!(runs(&tower.received().await).len(), MANY);
}
