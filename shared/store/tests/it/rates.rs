//! Counting in a window of time.

use std::time::Duration;

use futures::future::join_all;
use store::{Count, Hold, Store, StoreError, Window};
use testkit::{Fault, When};

use crate::desk::Desk;

fn window(desk: &Desk) -> Window {
    Window::around(desk.now(), Duration::from_secs(900))
}

#[tokio::test]
async fn fifty_at_once_and_exactly_the_limit_passes() {
    let desk = Desk::new().await;
    let window = window(&desk);
    let all = join_all((0..50).map(|_| desk.sound.count_in_window("run", "ann", window, 20))).await;
    let mut used: Vec<_> = all
        .iter()
        .filter_map(|count| match count {
            Ok(Count::Allowed { used }) => Some(*used),
            Ok(Count::Refused) => None,
            Err(error) => panic!("{error}"),
        })
        .collect();
    used.sort_unstable();
    assert_eq!(used, (1..=20).collect::<Vec<_>>());
    assert_eq!(desk.sound.window_count("run", "ann", window).await.unwrap(), 20);
    assert_eq!(desk.sound.count_in_window("run", "ann", window, 20).await.unwrap(), Count::Refused);
}

#[tokio::test]
async fn many_count_together_or_not_at_all() {
    let desk = Desk::new().await;
    let window = window(&desk);
    let some = async |many| desk.sound.count_many_in_window("mail", "ann", window, many, 100).await.unwrap();
    assert_eq!(some(101).await, Count::Refused);
    let all = join_all((0..20).map(|_| some(30))).await;
    assert_eq!(all.iter().filter(|count| **count != Count::Refused).count(), 3);
    assert_eq!(some(11).await, Count::Refused);
    assert_eq!(some(10).await, Count::Allowed { used: 100 });
    let back = async |many| desk.sound.uncount_in_window("mail", "ann", window, many).await.unwrap();
    back(40).await;
    assert_eq!(some(41).await, Count::Refused);
    assert_eq!(some(40).await, Count::Allowed { used: 100 });
    // More than there is cannot be taken back, and nothing can where nothing was counted.
    back(101).await;
    desk.sound.uncount_in_window("mail", "bob", window, 1).await.unwrap();
    assert_eq!(desk.sound.window_count("mail", "ann", window).await.unwrap(), 100);
    assert_eq!(desk.sound.count_in_window("run", "ann", window, 0).await.unwrap(), Count::Refused);
}

#[tokio::test]
async fn each_scope_subject_and_window_counts_for_itself() {
    let desk = Desk::new().await;
    let one = window(&desk);
    let one_more =
        async |scope, subject, window| desk.sound.count_in_window(scope, subject, window, 1).await.unwrap();
    assert_eq!(one_more("run", "ann", one).await, Count::Allowed { used: 1 });
    assert_eq!(one_more("run", "ann", one).await, Count::Refused);
    assert_eq!(one_more("login", "ann", one).await, Count::Allowed { used: 1 });
    assert_eq!(one_more("run", "bob", one).await, Count::Allowed { used: 1 });
    assert_eq!(desk.sound.window_count("run", "nobody", one).await.unwrap(), 0);
    desk.pass(900);
    assert_eq!(one.end(), window(&desk).start);
    assert_eq!(one_more("run", "ann", window(&desk)).await, Count::Allowed { used: 1 });
}

#[tokio::test]
async fn a_lost_answer_counts_against_the_caller_by_one_at_most() {
    let desk = Desk::new().await;
    let window = window(&desk);
    desk.bed.faults.plan(When::Nth(0), Fault::AnswerLost, Some("UpdateItem"));
    let told = desk.patient.count_in_window("run", "ann", window, 5).await.unwrap();
    assert_eq!(told, Count::Allowed { used: 2 });
    desk.bed.faults.plan(When::Nth(0), Fault::Unreached, Some("UpdateItem"));
    let told = desk.blunt.count_in_window("run", "ann", window, 5).await;
    assert!(matches!(told, Err(StoreError::Busy(_))));
    assert_eq!(desk.sound.window_count("run", "ann", window).await.unwrap(), 2);
}

#[tokio::test]
async fn the_table_forgets_a_window_after_it_has_passed() {
    let desk = Desk::new().await;
    let window = window(&desk);
    desk.sound.count_in_window("run", "ann", window, 5).await.unwrap();
    desk.pass(900);
    assert_eq!(desk.bed.engine.sweep_ttl().unwrap(), 0);
    desk.pass(901);
    assert_eq!(desk.bed.engine.sweep_ttl().unwrap(), 1);
    assert_eq!(desk.sound.window_count("run", "ann", window).await.unwrap(), 0);
}

async fn hold(store: &Store, window: Window) -> Hold {
    store.hold_in_window("login", "ann", window, 3).await.unwrap()
}

async fn settle(store: &Store, window: Window, counts: bool) {
    store.settle_in_window("login", "ann", window, counts).await.unwrap();
}

#[tokio::test]
async fn what_is_held_counts_until_it_is_given_back() {
    let desk = Desk::new().await;
    let (store, window) = (&desk.sound, window(&desk));
    let all = join_all((0..20).map(|_| hold(store, window))).await;
    assert_eq!(all.iter().filter(|hold| **hold == Hold::Held).count(), 3);
    assert_eq!(hold(store, window).await, Hold::Refused { settled: false });
    settle(store, window, true).await;
    assert_eq!(hold(store, window).await, Hold::Refused { settled: false });
    settle(store, window, false).await;
    assert_eq!(hold(store, window).await, Hold::Held);
    settle(store, window, true).await;
    settle(store, window, true).await;
    assert_eq!(hold(store, window).await, Hold::Refused { settled: true });
    assert_eq!(store.window_count("login", "ann", window).await.unwrap(), 3);
    // Nothing is held any more, so nothing can be given back.
    settle(store, window, false).await;
    assert_eq!(hold(store, window).await, Hold::Refused { settled: true });
    desk.pass(900);
    assert_eq!(hold(store, self::window(&desk)).await, Hold::Held);
}

#[tokio::test]
async fn a_window_that_nobody_holds_has_nothing_to_settle() {
    let desk = Desk::new().await;
    let window = window(&desk);
    settle(&desk.sound, window, false).await;
    settle(&desk.sound, window, true).await;
    assert_eq!(desk.sound.window_count("login", "ann", window).await.unwrap(), 0);
    assert_eq!(hold(&desk.sound, window).await, Hold::Held);
}

#[tokio::test]
async fn a_hold_that_was_not_heard_of_is_to_the_callers_disadvantage() {
    let desk = Desk::new().await;
    let window = window(&desk);
    desk.bed.faults.plan(When::Nth(0), Fault::AnswerLost, Some("UpdateItem"));
    assert_eq!(hold(&desk.patient, window).await, Hold::Held);
    settle(&desk.sound, window, false).await;
    assert_eq!(desk.sound.window_count("login", "ann", window).await.unwrap(), 1);
    desk.bed.faults.plan(When::Nth(0), Fault::Unreached, Some("UpdateItem"));
    let told = desk.blunt.hold_in_window("login", "ann", window, 3).await;
    assert!(matches!(told, Err(StoreError::Busy(_))));
    desk.bed.faults.plan(When::Nth(0), Fault::Unreached, Some("UpdateItem"));
    let told = desk.blunt.settle_in_window("login", "ann", window, false).await;
    assert!(matches!(told, Err(StoreError::Busy(_))));
}
