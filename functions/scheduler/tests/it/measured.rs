//! How late ticks come, and when that is told.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use testkit::Recorded;

use crate::tower::Tower;

#[tokio::test]
async fn a_tick_tells_how_late_it_is_if_it_has_something_to_do_or_is_very_late() {
    let tower = Tower::new().await;
    let scheduler = tower.scheduler(&[]);
    let recorded = Recorded::start();
    let due = json!({ "time": tower.now().to_string() });
    let late = |millis: u64| BTreeMap::from([("TickLateness".to_owned(), vec![millis])]);

    scheduler.handle(due.clone()).await;
    tower.pass(60);
    scheduler.handle(due.clone()).await;
    assert_eq!(recorded.take(), BTreeMap::new(), "an idle deployment says nothing");
    tower.pass(1);
    scheduler.handle(due.clone()).await;
    assert_eq!(recorded.take(), late(61_000));

    tower.job(30).await;
    scheduler.handle(json!({ "time": tower.now().to_string() })).await;
    assert_eq!(recorded.take(), late(0));
    // What waits was announced before.
    scheduler.handle(json!({ "time": tower.now().to_string() })).await;
    // Without a time nobody knows how late it is.
    tower.job(30).await;
    for event in [Value::Null, json!({ "time": 7 }), json!({ "time": "soon" })] {
        scheduler.handle(event).await;
    }
    assert_eq!(recorded.take(), BTreeMap::new());
}
