use std::time::Duration;

use serde_json::json;

use super::*;
use crate::id::{JobId, RunId, UserId};
use crate::job::{LONGEST_TIMEOUT, PayloadPlace, Priority, Status};
use crate::log::Log;
use crate::payload::Payload;
use crate::schedule::Schedule;
use crate::time::{Entropy, Moment};

struct Ones;

impl Entropy for Ones {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(1);
    }
}

fn at(seconds: i64) -> Moment {
    Moment::from_millis(1_772_323_200_000 + seconds * 1_000)
}

fn job() -> Job {
    Job {
        id: JobId::fresh(at(0), &Ones),
        user_id: UserId::fresh(at(0), &Ones),
        task_name: "nightly report".to_owned(),
        task_type: "http".to_owned(),
        payload: PayloadPlace::Here(Payload::stored(r#"{"token":"s3cret"}"#.to_owned()).unwrap()),
        priority: Priority::Low,
        status: Status::Failed,
        version: 9,
        max_retries: 3,
        timeout_seconds: LONGEST_TIMEOUT,
        timetable: None,
        webhook: None,
        run: None,
        log: Log::default(),
        created_at: at(0),
        updated_at: at(0),
        cancel_id: None,
        deleted_at: None,
        expires_at: None,
    }
}

fn ended() -> Run {
    Run {
        attempt: 4,
        completed_at: Some(at(90)),
        outcome: Some(Status::Failed),
        last_error: Some("the answer was 500".to_owned()),
        ..Run::new(RunId::fresh(at(0), &Ones), at(1))
    }
}

/// A job whose schedule comes every hour.
fn hourly(paused: bool) -> Job {
    let schedule = json!({"type": "recurring", "recurrence": {"interval": "hourly"}});
    let mut schedule = Schedule::parse(&schedule, "/schedule", at(0)).unwrap();
    schedule.paused = paused;
    let next = schedule.after(at(3_600));
    let table = Timetable { schedule, rev: 1, next, fired_through: None, fires: 1 };
    Job { status: Status::Pending, timetable: Some(table), ..job() }
}

#[test]
fn it_says_what_when_why_how_often_and_where_to_look() {
    let (job, run) = (job(), ended());
    let notice = failed(&job, &run, Some("https://jobs.example.com/"), 0);
    assert_eq!(notice.subject, "Job failed: nightly report");
    let wanted = format!(
        "The job \"nightly report\" has failed.\n\
         \n\
         Started:  2026-03-01T00:00:01.000Z\n\
         Failed:   2026-03-01T00:01:30.000Z\n\
         Tried:    4 times\n\
         Why:      the answer was 500\n\
         \n\
         Type:     http\n\
         Job:      {id}\n\
         Run:      {run}\n\
         See:      https://jobs.example.com/jobs/{id}\n\
         \n\
         It will not be tried again by itself.\n",
        id = job.id,
        run = run.id,
    );
    assert_eq!(notice.body, wanted);
}

#[test]
fn without_a_web_page_it_names_the_job_and_links_to_nothing() {
    let notice = failed(&job(), &ended(), None, 0);
    assert!(!notice.body.contains("See:") && notice.body.contains(&job().id.to_string()));
}

#[test]
fn of_a_long_reason_it_has_the_beginning() {
    let echo = format!("the answer was 500:\n  {}{{\"token\":\"s3cret\"}}", "é".repeat(100));
    let body = failed(&job(), &Run { last_error: Some(echo), ..ended() }, None, 0).body;
    let why = body.lines().find_map(|line| line.strip_prefix("Why:      ")).unwrap();
    assert!(why.starts_with("the answer was 500: éé") && why.ends_with('…'), "{why}");
    assert!(why.len() <= REASON_BYTES && !body.contains("s3cret"), "{body}");
}

#[test]
fn it_says_how_many_were_left_out() {
    let told = |left_out| failed(&job(), &ended(), None, left_out).body;
    assert!(
        told(7).contains("by itself.\n\nFailures before this one") && told(7).ends_with("too many: 7.\n")
    );
    assert!(!told(0).contains("e-mail"));
}

#[test]
fn a_notice_waits_longer_each_time_and_is_given_up_after_hours() {
    let waits = |dice| (0..).map_while(move |tries| wait(tries, dice)).collect::<Vec<_>>();
    let (short, long) = (waits(0), waits(u64::MAX));
    assert_eq!(short.len(), long.len());
    assert_eq!(short[..3], [10, 20, 40].map(Duration::from_secs));
    assert!(short.is_sorted() && long.iter().zip(&short[1..]).all(|(long, short)| long < &(*short * 2)));
    assert!(long.iter().all(|wait| *wait < Duration::from_secs(900)));
    let hours = |waits: &[Duration]| waits.iter().sum::<Duration>().as_secs() / 3_600;
    assert!(hours(&short) >= 2 && hours(&long) < 6, "{} {}", hours(&short), hours(&long));
}

#[test]
fn the_payload_stays_out_of_it() {
    let notice = failed(&job(), &ended(), Some("https://jobs.example.com"), 0);
    assert!(!format!("{notice:?}").contains("s3cret"));
}

#[test]
fn neither_a_name_nor_an_error_adds_a_line() {
    let usual = failed(&job(), &ended(), None, 0).body.lines().count();
    for text in ["a\r\nBcc: eve@example.com", "a\n\nWhy:      all is well", "a\u{2028}b\u{0}c", "\u{85}", ""]
    {
        let job = Job { task_name: text.to_owned(), task_type: text.to_owned(), ..job() };
        let run = Run { last_error: Some(text.to_owned()), ..ended() };
        let notice = failed(&job, &run, None, 0);
        assert!(!notice.subject.contains(|c: char| c.is_control() || c == '\u{2028}'), "{notice:?}");
        assert_eq!(notice.body.lines().count(), usual, "{notice:?}");
        assert!(!notice.body.contains('\u{2028}') && !notice.body.contains('\u{85}'));
    }
    let long = Job { task_name: "é".repeat(255), ..job() };
    assert!(failed(&long, &ended(), None, 0).subject.len() <= NAME_BYTES + 20);
}

#[test]
fn a_failure_without_a_reason_and_one_of_dead_workers_say_so() {
    let run = Run { attempt: 1, last_error: None, ..ended() };
    let body = failed(&job(), &run, None, 0).body;
    assert!(body.contains("Tried:    once\n") && body.contains("Why:      no reason was given\n"), "{body}");
    let run = Run { attempt: 2, dead_lettered: true, ..ended() };
    let body = failed(&job(), &run, None, 0).body;
    assert!(body.contains("Tried:    twice\n"), "{body}");
    assert!(body.contains("the answer was 500 (given up: its workers kept stopping)\n"), "{body}");
    assert!(failed(&job(), &Run { attempt: 0, ..ended() }, None, 0).body.contains("Tried:    not once\n"));
}

#[test]
fn a_schedule_that_goes_on_says_when() {
    let run = Run { due_at: Some(at(0)), ..ended() };
    let body = failed(&hourly(false), &run, None, 0).body;
    assert!(body.contains("Due:      2026-03-01T00:00:00.000Z\n"), "{body}");
    assert!(
        body.ends_with("Its schedule goes on: the next run is due at 2026-03-01T02:00:00.000Z.\n"),
        "{body}"
    );
    assert!(failed(&hourly(true), &run, None, 0).body.ends_with("Its schedule is paused.\n"));
    let over = Job { status: Status::Failed, ..hourly(false) };
    assert!(failed(&over, &run, None, 0).body.ends_with("It will not be tried again by itself.\n"));
}
