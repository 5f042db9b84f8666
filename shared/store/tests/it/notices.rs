//! The mark of a notice, and the number of those left out.

use futures::future::join_all;
use testkit::{Fault, When};

use crate::desk::Desk;

#[tokio::test]
async fn one_has_the_right_in_a_round_and_a_later_round_takes_it() {
    let desk = Desk::new().await;
    let (job, run) = (desk.draft().id, desk.run_id());
    let begin = async |round| desk.sound.begin_notice(job, run, round, None).await.unwrap();
    assert!(!desk.sound.notice_begun(job, run).await.unwrap());
    let all = join_all((0..10).map(|_| begin(0))).await;
    assert_eq!(all.iter().filter(|got| **got).count(), 1);
    assert!(desk.sound.notice_begun(job, run).await.unwrap());
    assert!(begin(2).await);
    for late in [0, 1, 2] {
        assert!(!begin(late).await, "{late}");
    }
    desk.sound.undo_notice(job, run).await.unwrap();
    assert!(!desk.sound.notice_begun(job, run).await.unwrap());
    assert!(begin(0).await);
}

#[tokio::test]
async fn what_was_left_out_is_remembered_until_it_is_told_or_a_week() {
    let desk = Desk::new().await;
    let left_out = async || desk.sound.notices_left_out(desk.owner, desk.now()).await.unwrap();
    assert_eq!(left_out().await, 0);
    for _ in 0..3 {
        desk.sound.leave_out_notice(desk.owner, desk.now()).await.unwrap();
    }
    assert_eq!(left_out().await, 3);
    desk.sound.told_of_left_out(desk.owner, 2).await.unwrap();
    assert_eq!(left_out().await, 1);
    // Two who tell of the same take it away once.
    desk.sound.told_of_left_out(desk.owner, 2).await.unwrap();
    assert_eq!(left_out().await, 1);
    desk.pass(7 * 86_400);
    assert_eq!(left_out().await, 0);
    desk.bed.faults.plan(When::Always, Fault::Unreached, None);
    assert!(desk.blunt.leave_out_notice(desk.owner, desk.now()).await.is_err());
    assert!(desk.blunt.notices_left_out(desk.owner, desk.now()).await.is_err());
    assert!(desk.blunt.told_of_left_out(desk.owner, 1).await.is_err());
}
