//! A job through a year, with three days in which nothing works.

use std::time::Duration;

use domain::time::Moment;
use serde_json::json;

use crate::world::World;

/// Half past two at night in Berlin, from the first of March 2026 on, for a year. The two days on which the
/// clock is set stand out: in spring it jumps from two to three, in autumn it shows the hour twice.
fn occurrences() -> Vec<Moment> {
    let first = Moment::parse("2026-03-01T00:00:00Z").unwrap();
    let day = |name: &str| Moment::parse(&format!("{name}T00:00:00Z")).unwrap();
    (0..365)
        .map(|number| first.plus(Duration::from_secs(number * 86_400)))
        .map(|midnight| {
            let summer = midnight > day("2026-03-29") && midnight <= day("2026-10-25");
            let minutes = match () {
                () if midnight == day("2026-03-29") => 60,
                () if summer => 30,
                () => 90,
            };
            midnight.plus(Duration::from_secs(minutes * 60))
        })
        .collect()
}

/// When nothing works: three occurrences fall in it.
const DOWN: &str = "2026-06-10T12:00:00Z";
const UP: &str = "2026-06-13T12:00:00Z";

/// What has started: when it was due, and when it began.
async fn a_year(missed: &str) -> Vec<(Moment, Moment)> {
    let world = World::new().await;
    let schedule = json!({
        "recurrence": {"cron": "30 2 * * *", "timezone": "Europe/Berlin", "endTime": "2027-02-28T12:00:00Z"},
        "missed": missed,
    });
    let job = world.scheduled(&schedule).await;
    let (down, up) = (Moment::parse(DOWN).unwrap(), Moment::parse(UP).unwrap());
    for due in occurrences() {
        // The tick that announces the occurrence, its moment, and one tick after it: those far from it have
        // nothing to do.
        for seconds in [-140, 0, 100] {
            let then = Moment::from_millis(due.as_millis() + seconds * 1_000);
            if then <= world.bed.now() || (down..up).contains(&then) {
                continue;
            }
            if world.bed.now() < up && then > up {
                world.bed.advance(up.since(world.bed.now()));
                work(&world).await;
            }
            world.bed.advance(then.since(world.bed.now()));
            if seconds == 0 {
                world.work_off().await;
            } else {
                work(&world).await;
            }
        }
    }
    let runs = world.runs(job.id).await;
    assert!(world.read(job.id).await.status.is_end(), "it is over");
    runs.into_iter().map(|run| (run.due_at.unwrap(), run.started_at)).collect()
}

async fn work(world: &World) {
    world.tick().await;
    world.work_off().await;
}

/// Each occurrence on its second, but for those that were missed.
fn wanted(missed: impl Fn(Moment) -> Option<Moment>) -> Vec<(Moment, Moment)> {
    let (down, up) = (Moment::parse(DOWN).unwrap(), Moment::parse(UP).unwrap());
    let started = |due: Moment| if (down..up).contains(&due) { missed(due) } else { Some(due) };
    occurrences().into_iter().filter_map(|due| Some((due, started(due)?))).collect()
}

#[tokio::test]
async fn one_run_for_all_that_were_missed() {
    let first = Moment::parse("2026-06-11T00:30:00Z").unwrap();
    let up = Moment::parse(UP).unwrap();
    let runs = a_year("run_once").await;
    assert_eq!(runs, wanted(|due| (due == first).then_some(up)));
    assert_eq!(runs.len(), 363);
}

#[tokio::test]
async fn none_of_those_that_were_missed() {
    let runs = a_year("skip").await;
    assert_eq!(runs, wanted(|_| None));
    assert_eq!(runs.len(), 362);
}

#[tokio::test]
async fn each_of_those_that_were_missed_in_turn() {
    let up = Moment::parse(UP).unwrap();
    let runs = a_year("backfill").await;
    assert_eq!(runs, wanted(|_| Some(up)));
    assert_eq!(runs.len(), 365);
}
