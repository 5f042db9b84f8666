//! What is counted.

use std::collections::BTreeMap;

use testkit::Recorded;

use crate::morgue::Morgue;

#[tokio::test]
async fn a_run_that_ends_here_has_failed_and_one_that_is_sent_afresh_has_not() {
    let morgue = Morgue::new().await;
    let job = morgue.held(1).await;
    let recorded = Recorded::start();
    morgue.pass(66);
    morgue.bury_run(&job, 0).await;
    assert_eq!(morgue.step().await, (1, 0));
    assert_eq!(recorded.take(), BTreeMap::new());
    morgue.bury_run(&job, 1).await;
    assert_eq!(morgue.step().await, (1, 0));
    let measured = [("JobsFailed high".to_owned(), vec![1]), ("RunDuration high".to_owned(), vec![66_000])];
    assert_eq!(recorded.take(), BTreeMap::from(measured));
}
