//! What an admin sees: the jobs of one user, and of all.

use std::collections::BTreeSet;

use domain::job::{Priority, Status};
use domain::user::Role;
use serde_json::json;
use testkit::{Fault, When};

use crate::house::{Guest, House};

/// Every job of a list, page by page.
async fn walk(house: &House, guest: &Guest, base: &str) -> Vec<String> {
    let (mut found, mut path) = (Vec::new(), base.to_owned());
    for _ in 0..100 {
        let page = house.get(guest, &path).await;
        assert_eq!(page.status, 200, "{}", page.body);
        found.extend(page.ids());
        let Some(cursor) = page.body["nextCursor"].as_str() else { return found };
        path = format!("{base}&cursor={cursor}");
    }
    panic!("the list does not end");
}

#[tokio::test]
async fn all_jobs_are_for_admins_and_each_comes_once() {
    let house = House::new().await;
    let guests = [house.guest("ada").await, house.guest("bob").await, house.guest("cyd").await];
    let root = house.guest_as("root", Role::Admin).await;
    let mut wanted = BTreeSet::new();
    for n in 0..60 {
        let (status, priority) = (Status::ALL[n % 5], Priority::ALL[n % 3]);
        let job = house.put(&guests[n % 3], status, priority, "x", "{\"n\":1}").await;
        wanted.insert(job.id.to_string());
    }
    for guest in &guests {
        let refused = house.get(guest, "/jobs?scope=all").await;
        assert_eq!((refused.status.as_u16(), refused.places()), (403, vec!["scope"]));
        assert_eq!(house.get(guest, "/jobs?scope=own&limit=100").await.ids().len(), 20);
    }
    for base in
        ["/jobs?scope=all&limit=7", "/jobs?scope=ALL&limit=100", "/filter?scope=all&limit=33&include=payload"]
    {
        let found = walk(&house, &root, base).await;
        assert_eq!((found.len(), &found.iter().cloned().collect()), (60, &wanted), "{base}");
    }
    let failed = walk(&house, &root, "/jobs?scope=all&status=failed&priority=high,low&limit=3").await;
    assert_eq!(failed.len(), 8);
    let row = &house.get(&root, "/jobs?scope=all&limit=1&include=payload").await.body["jobs"][0];
    assert_eq!((row["payload"].clone(), row["userId"].is_string()), (json!({"n": 1}), true));
    assert_eq!(house.get(&root, "/jobs").await.ids().len(), 0, "an admin's own list is their own");
    assert_eq!(walk(&house, &root, &format!("/jobs?userId={}&limit=9", guests[1].id)).await.len(), 20);
}

#[tokio::test]
async fn a_cursor_of_all_jobs_is_good_for_that_list_and_admin_alone() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let (root, other) =
        (house.guest_as("root", Role::Admin).await, house.guest_as("other", Role::Admin).await);
    for _ in 0..5 {
        house.put(&ada, Status::Pending, Priority::Low, "x", "{}").await;
    }
    let cursor = house.get(&root, "/jobs?scope=all&limit=2").await.text("nextCursor").to_owned();
    for (guest, path) in [
        (&root, format!("/jobs?cursor={cursor}")),
        (&root, format!("/jobs?scope=all&status=failed&cursor={cursor}")),
        (&other, format!("/jobs?scope=all&cursor={cursor}")),
    ] {
        let refused = house.get(guest, &path).await;
        assert_eq!((refused.status.as_u16(), refused.places()), (400, vec!["cursor"]), "{path}");
    }
    let own = house.get(&root, &format!("/jobs?scope=all&limit=2&cursor={cursor}")).await;
    assert_eq!(own.status, 200);
}

#[tokio::test]
async fn payloads_of_all_jobs_come_as_many_as_fit() {
    let house = House::new().await;
    let (ada, root) = (house.guest("ada").await, house.guest_as("root", Role::Admin).await);
    let large = format!("\"{}\"", "p".repeat(250_000));
    for _ in 0..25 {
        house.put(&ada, Status::Completed, Priority::High, "large", &large).await;
    }
    let page = house.get(&root, "/jobs?scope=all&include=payload&limit=100").await;
    assert!(page.ids().len() < 25 && page.body["nextCursor"].is_string());
    let found = walk(&house, &root, "/jobs?scope=all&include=payload&limit=100").await;
    assert_eq!((found.len(), found.iter().collect::<BTreeSet<_>>().len()), (25, 25));
}

#[tokio::test]
async fn an_admin_sees_the_runs_logs_and_deliveries_of_any_job() {
    let house = House::new().await;
    let (ada, root) = (house.guest("ada").await, house.guest_as("root", Role::Admin).await);
    let id = house.created(&ada, json!({"taskName": "x", "run": true})).await;
    for what in ["runs", "logs", "deliveries"] {
        assert_eq!(house.get(&root, &format!("/jobs/{id}/{what}")).await.status, 200, "{what}");
    }
    let moved = house.patch(&root, &id, json!({"schedule": {"recurrence": {"interval": "daily"}}})).await;
    assert_eq!((moved.status.as_u16(), moved.text("userId")), (200, ada.id.to_string().as_str()));
    assert_eq!(house.get(&root, &format!("/deliveries?userId={}", ada.id)).await.status, 200);
}

#[tokio::test]
async fn a_table_that_is_busy_is_a_503() {
    let house = House::new().await;
    let root = house.guest_as("root", Role::Admin).await;
    house.bed.faults.plan(When::Always, Fault::Throttled, Some("Scan"));
    let refused = house.get(&root, "/jobs?scope=all").await;
    assert_eq!((refused.status.as_u16(), &refused.headers["retry-after"]), (503, &"1".parse().unwrap()));
}
