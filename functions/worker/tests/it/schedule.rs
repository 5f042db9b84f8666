//! Occurrences of a schedule, from their messages to their runs.

use std::time::Duration;

use domain::id::RunId;
use domain::job::{Job, Status};
use domain::life;
use domain::message::JobMessage;
use domain::schedule::Schedule;
use domain::time::Moment;
use serde_json::{Value, json};
use testkit::{Fault, When};

use crate::shop::{Shop, run, told};

/// A job with that schedule, and the message of its next occurrence in the queue.
async fn scheduled(shop: &Shop, schedule: Value, payload: Value) -> Job {
    let schedule = Schedule::parse(&schedule, "/schedule", shop.now()).unwrap();
    let draft = shop.draft();
    let timetable = Some(life::scheduled(schedule, draft.version, shop.now()));
    let job = shop.write(Job { timetable, ..draft }, payload).await;
    fire(shop, &job).await;
    job
}

async fn fire(shop: &Shop, job: &Job) {
    let table = job.timetable.as_ref().unwrap();
    let due = table.next.unwrap();
    let message = JobMessage::fire(job.id, table.rev, due);
    shop.queues.send(job.priority, job.user_id, &message, due.since(shop.now())).await.unwrap();
}

fn every(seconds: u64, missed: &str) -> Value {
    json!({"recurrence": {"interval": format!("PT{seconds}S")}, "missed": missed})
}

fn next(job: &Job) -> Moment {
    job.timetable.as_ref().unwrap().next.unwrap()
}

#[tokio::test]
async fn an_occurrence_runs_and_the_next_one_is_announced() {
    let shop = Shop::new().await;
    let job = scheduled(&shop, every(60, "run_once"), json!({})).await;
    let due = next(&job);
    assert_eq!(shop.step().await, (0, 0));
    shop.pass(60);
    assert_eq!(shop.step().await, (1, 0));
    let ended = shop.read(&job).await;
    let last = run(&ended);
    assert_eq!((ended.status, last.outcome), (Status::Pending, Some(Status::Completed)));
    assert_eq!((last.id, last.due_at), (RunId::of_occurrence(job.id, due), Some(due)));
    assert_eq!(shop.asked().await.len(), 1);
    // The claim has announced the next one, which is near.
    assert_eq!(shop.depth(), (0, 0, 1));
    shop.pass(60);
    assert_eq!(shop.step().await, (1, 0));
    let again = shop.read(&job).await;
    assert_eq!(run(&again).due_at, Some(due.plus(Duration::from_secs(60))));
    assert_eq!(shop.store.archived_run(job.id, last.id).await.unwrap().as_ref(), Some(last));
}

#[tokio::test]
async fn what_comes_a_part_of_a_second_early_is_waited_out() {
    let shop = Shop::new().await;
    shop.bed.advance(Duration::from_millis(300));
    let due = shop.now().plus(Duration::from_millis(1_900));
    let job = scheduled(&shop, json!({"startTime": due}), json!({})).await;
    shop.pass(1);
    let (clock, bed) = (shop.bed.clock.clone(), &shop.bed);
    let later = async {
        tokio::time::sleep(Duration::from_millis(120)).await;
        assert_eq!(shop.read(&job).await.status, Status::Pending, "it was early");
        clock.advance(Duration::from_millis(900));
        bed.engine.clock_moved();
    };
    let (stepped, ()) = tokio::join!(shop.step(), later);
    assert_eq!(stepped, (1, 0));
    assert_eq!(run(&shop.read(&job).await).started_at, due);
}

#[tokio::test]
async fn what_comes_much_too_early_hides_until_the_second_before() {
    let shop = Shop::new().await;
    let due = shop.now().plus(Duration::from_millis(30_500));
    let job = scheduled(&shop, json!({"startTime": due}), json!({})).await;
    let table = job.timetable.as_ref().unwrap();
    let message = JobMessage::fire(job.id, table.rev, due);
    shop.queues.send(job.priority, job.user_id, &message, Duration::ZERO).await.unwrap();
    assert_eq!(shop.step().await, (0, 1));
    shop.pass(29);
    assert_eq!(shop.step().await, (0, 0));
    assert_eq!(shop.read(&job).await, job);
}

#[tokio::test]
async fn an_occurrence_of_a_simulated_task_is_held_back_and_shows_that_it_runs() {
    let shop = Shop::with(&[("SIMULATED_TASK_MS", "3000")]).await;
    let job = scheduled(&shop, json!({"startTime": shop.now()}), json!({})).await;
    assert_eq!(shop.step().await, (1, 0));
    let running = shop.read(&job).await;
    assert_eq!((running.status, run(&running).attempt), (Status::Running, 0));
    assert_eq!(shop.step().await, (0, 0));
    shop.pass(3);
    assert_eq!(shop.step().await, (1, 0));
    assert_eq!(shop.read(&job).await.status, Status::Completed);
}

#[tokio::test]
async fn a_held_back_run_whose_message_is_lost_runs_by_the_first_message() {
    let shop = Shop::with(&[("SIMULATED_TASK_MS", "3000")]).await;
    let job = scheduled(&shop, json!({"startTime": shop.now()}), json!({})).await;
    shop.bed.faults.plan(When::Nth(0), Fault::Unreached, Some("SendMessage"));
    assert_eq!(shop.step().await, (0, 1));
    shop.bed.faults.clear();
    shop.pass(5);
    assert_eq!(shop.step().await, (1, 0));
    let ended = shop.read(&job).await;
    assert_eq!((ended.status, run(&ended).attempt), (Status::Completed, 1));
}

#[tokio::test]
async fn a_second_message_does_not_cut_a_simulated_task_short() {
    let shop = Shop::with(&[("SIMULATED_TASK_MS", "3000")]).await;
    let job = scheduled(&shop, json!({"startTime": shop.now()}), json!({})).await;
    assert_eq!(shop.step().await, (1, 0));
    fire(&shop, &job).await;
    assert_eq!(shop.step().await, (0, 1));
    assert_eq!(run(&shop.read(&job).await).attempt, 0);
    shop.pass(3);
    shop.step().await;
    let ended = shop.read(&job).await;
    assert_eq!((ended.status, run(&ended).attempt), (Status::Completed, 1));
    assert_eq!(run(&ended).duration(), Some(Duration::from_secs(3)));
}

#[tokio::test]
async fn a_schedule_that_ends_with_a_skip_tells_nothing_of_its_last_run_again() {
    let shop = Shop::new().await;
    let end = shop.now().plus(Duration::from_secs(250));
    let mut schedule = every(100, "skip");
    schedule["recurrence"]["endTime"] = json!(end);
    let job = scheduled(&shop, schedule, json!({})).await;
    shop.pass(100);
    assert_eq!(shop.step().await, (1, 0));
    assert_eq!(shop.asked().await.len(), 1);
    shop.pass(3_600);
    assert_eq!(shop.step().await, (1, 0));
    assert_eq!(shop.read(&job).await.status, Status::Completed);
    assert!(shop.asked().await.is_empty());
}

#[tokio::test]
async fn a_message_that_comes_before_the_end_it_tells_of_waits_for_it() {
    let shop = Shop::new().await;
    let job = shop.write(shop.draft(), json!({})).await;
    let message = JobMessage::of_ended(job.id, shop.run_id());
    shop.queues.send(job.priority, job.user_id, &message, Duration::ZERO).await.unwrap();
    assert_eq!(shop.step().await, (0, 1));
    for seconds in [2, 10, 60] {
        shop.pass(seconds);
        shop.step().await;
    }
    assert_eq!(shop.depth(), (0, 0, 0), "and is dropped when it does not come");
    assert_eq!(shop.read(&job).await, job);
}

#[tokio::test]
async fn an_occurrence_that_is_announced_thrice_runs_once() {
    let shop = Shop::new().await;
    let job = scheduled(&shop, every(3_600, "run_once"), json!({})).await;
    for _ in 0..2 {
        fire(&shop, &job).await;
    }
    shop.pass(900);
    // SQS holds a message back for 900 s at most: who comes too early hides.
    while shop.depth() != (0, 0, 0) {
        shop.step().await;
        shop.pass(300);
    }
    let ended = shop.read(&job).await;
    assert_eq!((ended.timetable.as_ref().unwrap().fires, run(&ended).attempt), (1, 1));
    assert_eq!(
        shop.asked().await.iter().map(|one| one.webhook_id).collect::<std::collections::BTreeSet<_>>().len(),
        1
    );
}

#[tokio::test]
async fn a_backfill_calls_each_occurrence_up_in_turn() {
    let shop = Shop::new().await;
    let job = scheduled(&shop, every(600, "backfill"), json!({})).await;
    let first = next(&job);
    // Nothing works for an hour and a half, and then everything at once.
    shop.pass(600 * 9);
    let mut runs = Vec::new();
    for _ in 0..9 {
        assert_eq!(shop.step().await.1, 0);
        runs.push(run(&shop.read(&job).await).due_at.unwrap());
    }
    let wanted: Vec<_> = (0..9).map(|i| first.plus(Duration::from_secs(600 * i))).collect();
    assert_eq!(runs, wanted);
    assert_eq!(next(&shop.read(&job).await), first.plus(Duration::from_secs(600 * 9)));
    assert_eq!(shop.asked().await.len(), 9);
}

#[tokio::test]
async fn what_was_missed_is_skipped_and_the_next_is_announced() {
    let shop = Shop::new().await;
    let job = scheduled(&shop, every(120, "skip"), json!({})).await;
    let due = next(&job);
    shop.pass(3_600);
    assert_eq!(shop.step().await, (1, 0));
    let skipped = shop.read(&job).await;
    assert_eq!((skipped.status, skipped.run.as_ref()), (Status::Pending, None));
    assert!(told(&skipped)[0].contains("skipped, due"), "{:?}", told(&skipped));
    // The last of them is not missed yet, and was announced with the skip.
    assert_eq!(shop.step().await, (1, 0));
    let ran = shop.read(&job).await;
    assert!(run(&ran).due_at.unwrap() > due);
    assert!(shop.now().since(run(&ran).due_at.unwrap()) <= life::MISSED_AFTER);
}

#[tokio::test]
async fn a_job_whose_only_occurrence_is_skipped_fails_and_tells() {
    let shop = Shop::new().await;
    let due = shop.now().plus(Duration::from_secs(10));
    let job = scheduled(&shop, json!({"startTime": due, "missed": "skip"}), json!({})).await;
    shop.pass(3_600);
    shop.bed.faults.plan(When::Nth(0), Fault::Unreached, Some("SendMessageBatch"));
    assert_eq!(shop.step().await, (0, 1));
    shop.bed.faults.clear();
    assert_eq!(shop.read(&job).await.status, Status::Failed);
    shop.pass(5);
    assert_eq!(shop.step().await, (1, 0));
    let asked = shop.asked().await;
    assert!(asked.len() == 1 && asked[0].body.contains("\"error\":\"missed: due "), "{asked:?}");
}

#[tokio::test]
async fn a_paused_or_changed_schedule_starts_nothing() {
    let shop = Shop::new().await;
    let job = scheduled(&shop, every(60, "run_once"), json!({})).await;
    shop.replace(&life::pause(&job, shop.now()).unwrap().unwrap()).await;
    let resting = shop.read(&job).await;
    shop.pass(60);
    assert_eq!(shop.step().await, (1, 0));
    assert_eq!(shop.read(&job).await, resting);
}

#[tokio::test]
async fn an_occurrence_that_cannot_be_announced_does_not_hold_the_run_up() {
    let shop = Shop::new().await;
    let job = scheduled(&shop, every(60, "run_once"), json!({})).await;
    shop.pass(60);
    shop.bed.faults.plan(When::Nth(0), Fault::Unreached, Some("SendMessage"));
    assert_eq!(shop.step().await, (1, 0));
    assert_eq!(shop.bed.faults.strikes(), 1);
    let ended = shop.read(&job).await;
    assert_eq!(run(&ended).outcome, Some(Status::Completed));
    assert!(ended.timetable.unwrap().next.is_some(), "the tick finds it");
}

#[tokio::test]
async fn a_worker_that_dies_at_any_call_of_an_occurrence_starts_it_once() {
    for nth in 0..12 {
        for fault in [Fault::Unreached, Fault::AnswerLost] {
            let shop = Shop::new().await;
            let job = scheduled(&shop, every(3_600 * 24, "run_once"), json!({})).await;
            let due = next(&job);
            shop.bed.advance(due.since(shop.now()));
            fire(&shop, &job).await;
            shop.bed.faults.plan(When::Nth(nth), fault, None);
            for _ in 0..40 {
                shop.step().await;
                shop.pass(30);
            }
            let ended = shop.read(&job).await;
            assert_eq!(ended.timetable.as_ref().unwrap().fires, 1, "call {nth}, {fault:?}");
            assert_eq!(run(&ended).outcome, Some(Status::Completed), "call {nth}, {fault:?}");
            assert_eq!(shop.depth(), (0, 0, 0), "call {nth}, {fault:?}");
            assert!(!shop.asked().await.is_empty(), "call {nth}, {fault:?}");
        }
    }
}
