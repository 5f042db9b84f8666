//! What the function is told, and what it may do.

use boot::Vars;
use scheduler::{ACTIONS, Config, VARIABLES};
use serde_json::{Value, json};
use store::Shards;
use testkit::Bed;

use crate::tower::Tower;

#[tokio::test]
async fn it_reads_what_it_says_and_has_defaults() {
    let bed = Bed::new().await;
    let mut vars = Vars::new(bed.vars());
    let config = Config::read(&mut vars);
    vars.finish().unwrap();
    assert_eq!((config.shards, config.parallelism.get()), (Shards::default(), 16));
    let mut wanted = VARIABLES.to_vec();
    wanted.sort_unstable();
    assert_eq!(vars.names(), wanted);
}

#[test]
fn every_fault_is_told_at_once() {
    for (shards, parallelism) in [("0", "0"), ("65", "257"), ("many", "-1")] {
        let mut vars = Vars::new([("DUE_SHARDS", shards), ("TICK_PARALLELISM", parallelism)]);
        Config::read(&mut vars);
        let told = vars.finish().unwrap_err();
        let mut names: Vec<_> = told.faults().iter().map(|fault| fault.name).collect();
        names.sort_unstable();
        let mut wanted = VARIABLES.to_vec();
        wanted.sort_unstable();
        assert_eq!(names, wanted, "{told}");
    }
}

#[tokio::test]
async fn it_does_only_what_it_says() {
    let tower = Tower::new().await;
    for n in 0..12 {
        tower.job(n).await;
    }
    tower.bed.faults.clear();
    tower.tick().await;
    let mut done: Vec<_> = tower
        .bed
        .faults
        .calls()
        .iter()
        .map(|call| match call.operation.rsplit_once('.').unwrap().1 {
            "SendMessageBatch" => "sqs:SendMessage".to_owned(),
            other => format!("dynamodb:{other}"),
        })
        .collect();
    done.sort_unstable();
    done.dedup();
    assert_eq!(done, ACTIONS);
}

#[tokio::test]
async fn whatever_the_event_says_it_is_a_tick() {
    let scheduled = json!({
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "time": "1970-01-01T00:00:00Z",
        "detail": {},
    });
    for event in [Value::Null, json!({}), json!("tick"), json!([1, 2]), scheduled] {
        let tower = Tower::new().await;
        tower.job(10).await;
        let ticked = tower.scheduler(&[]).handle(event.clone()).await;
        assert_eq!((ticked.sent, ticked.moved), (1, 1), "{event}");
        // This is what a Lambda answers.
        let told = serde_json::to_value(&ticked).unwrap();
        assert_eq!((&told["sent"], &told["lateMs"], &told["trouble"]), (&json!(1), &json!(0), &Value::Null));
    }
}
