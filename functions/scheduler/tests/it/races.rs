//! Others who act while a tick is on.

use std::time::Duration;

use domain::job::{Job, Priority};
use domain::life::{self, Present};
use domain::schedule::Schedule;
use scheduler::Ticked;
use serde_json::{Value, json};
use store::Store;

use crate::between::Between;
use crate::tower::{Tower, message_of, runs};

/// A tick during which this is written after the page was read and before the message is sent.
async fn tick_while(tower: &Tower, next: Job) -> Ticked {
    let store: Store = tower.store.clone();
    let act = async move {
        store.replace_job(&next).await.unwrap();
    };
    tower.scheduler_on(Between::act(&tower.bed, act), &[]).handle(Value::Null).await
}

/// One row was read and sent, and then it was not as it was read.
fn outrun() -> Ticked {
    Ticked { read: 1, sent: 1, outrun: 1, ..Ticked::default() }
}

#[tokio::test]
async fn a_schedule_that_is_edited_meanwhile_is_announced_by_the_next_tick() {
    let tower = Tower::new().await;
    let job = tower.job(60).await;
    let other = json!({"type": "one-time", "startTime": tower.later(100).to_string()});
    let other = Schedule::parse(&other, "/schedule", tower.now()).unwrap();
    let edited = life::reschedule(&job, Some(other), life::Present { now: tower.now(), keep: None });
    assert_eq!(tick_while(&tower, edited.clone()).await, outrun());
    let next = tower.tick().await;
    assert_eq!((next.sent, next.moved), (1, 1));
    tower.pass(100);
    // The worker finds the first one stale.
    let received = tower.received().await;
    assert_eq!(received, [message_of(&job), message_of(&edited)]);
    let table = job.timetable.unwrap();
    let trigger = life::Trigger::Fire { rev: table.rev, due_at: table.next.unwrap() };
    let run = *runs(&received[..1]).first().unwrap();
    let at = Present { now: tower.now(), keep: None };
    assert_eq!(life::accept(&edited, run, trigger, 7, std::time::Duration::ZERO, at), life::Verdict::Stale);
}

#[tokio::test]
async fn a_job_that_leaves_the_index_meanwhile_does_not_come_back() {
    let tower = Tower::new().await;
    let at = Present { now: tower.now(), keep: None };
    let started = tower.job(0).await;
    let run = *runs(&[message_of(&started)]).first().unwrap();
    let trigger = life::Trigger::Fire { rev: 1, due_at: started.timetable.as_ref().unwrap().next.unwrap() };
    let life::Verdict::Claim { next } =
        life::accept(&started, run, trigger, 7, std::time::Duration::ZERO, at)
    else {
        panic!("it is due");
    };
    assert_eq!(tick_while(&tower, *next).await, outrun());
    let paused = tower.job(10).await;
    let next = life::pause(&paused, tower.now()).unwrap().unwrap();
    assert_eq!(tick_while(&tower, next).await, outrun());
    let deleted = tower.job(10).await;
    let next = life::delete(&deleted, tower.now(), Duration::from_secs(60));
    assert_eq!(tick_while(&tower, next).await, outrun());
    tower.pass(200);
    assert_eq!(tower.tick().await, Ticked::default());
}

#[tokio::test]
async fn any_other_write_puts_the_row_back_and_nothing_is_lost() {
    let tower = Tower::new().await;
    let job = tower.job(60).await;
    // The row is as it was read: nobody cares for the version.
    let next = Job { task_name: "another name".to_owned(), ..life::touched(&job, tower.now()) };
    assert_eq!(tick_while(&tower, next.clone()).await, Ticked { moved: 1, outrun: 0, ..outrun() });
    assert_eq!(tower.store.job(job.id, tower.now()).await.unwrap(), Some(next.clone()));
    tower.replace(life::touched(&next, tower.now())).await;
    assert_eq!(tower.tick().await, Ticked { moved: 1, outrun: 0, ..outrun() });
    tower.pass(60);
    assert_eq!(tower.received().await, [message_of(&job), message_of(&job)]);
}

#[tokio::test]
async fn ticks_that_overlap_announce_twice_and_move_once() {
    let tower = Tower::new().await;
    for n in 0..60 {
        tower.urgent_job(n, Priority::ALL[n as usize % 3]).await;
    }
    let (one, other) = (tower.scheduler(&[]), tower.scheduler(&[("TICK_PARALLELISM", "2")]));
    let (one, other) = futures::join!(one.handle(Value::Null), other.handle(Value::Null));
    assert_eq!(one.moved + other.moved, 60, "{one:?} {other:?}");
    assert_eq!((one.sent, other.sent), (one.moved + one.outrun, other.moved + other.outrun));
    assert!(one.sent + other.sent > 60, "they did not overlap");
    let third = tower.tick().await;
    assert_eq!((third.read, third.sent), (60, 0));
    tower.pass(60);
    let received = tower.received().await;
    assert_eq!((received.len(), runs(&received).len()), (one.sent + other.sent, 60));
}
