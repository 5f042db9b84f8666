//! Pages: by cursor, by number, by offset.

use std::collections::HashSet;

use domain::job::{Priority, Status};
use domain::user::Role;
use serde_json::{Value, json};

use crate::house::{Guest, House};

async fn fill(house: &House, guest: &Guest, n: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for i in 0..n {
        let (status, priority) = (Status::ALL[i * 7 % 5], Priority::ALL[i * 5 % 3]);
        ids.push(house.put(guest, status, priority, "x", "{}").await.id.to_string());
    }
    ids
}

#[tokio::test]
async fn a_walk_through_500_jobs_leaves_none_out_and_gives_none_twice() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let ids = fill(&house, &ada, 500).await;
    for (sort, limit) in [("desc", 7), ("asc", 33), ("desc", 100)] {
        let mut found = Vec::new();
        let mut written = Vec::new();
        let base = format!("/jobs?sort=createdAt:{sort}&limit={limit}");
        let mut path = base.clone();
        loop {
            let page = house.get(&ada, &path).await;
            assert!(page.ids().len() <= limit);
            found.extend(page.ids());
            // What is written between two pages moves no other row.
            let new = house.put(&ada, Status::Pending, Priority::High, "new", "{}").await;
            written.push(new.id);
            let Some(cursor) = page.body["nextCursor"].as_str() else { break };
            path = format!("{base}&cursor={cursor}");
            assert!(found.len() <= 700, "it ends");
        }
        let mut expected = ids.clone();
        if sort == "desc" {
            expected.reverse();
        }
        let known: HashSet<_> = ids.iter().collect();
        let old: Vec<_> = found.iter().filter(|id| known.contains(id)).cloned().collect();
        assert_eq!(old, expected, "{sort}");
        assert_eq!(found.iter().collect::<HashSet<_>>().len(), found.len(), "none twice");
        assert!(sort == "asc" || found.len() == 500, "what is newer than the first page stays out");
        for id in written {
            let gone = house.ask(&ada, "DELETE", &format!("/jobs/{id}"), &[], "").await;
            assert_eq!(gone.status, 200);
        }
    }
}

#[tokio::test]
async fn a_cursor_is_good_for_its_user_and_its_filter_alone() {
    let house = House::new().await;
    let (ada, bob) = (house.guest("ada").await, house.guest("bob").await);
    fill(&house, &ada, 5).await;
    let cursor = house.get(&ada, "/jobs?limit=2").await.text("nextCursor").to_owned();
    assert_eq!(house.get(&ada, &format!("/jobs?limit=3&cursor={cursor}")).await.ids().len(), 3);
    let mut forged = cursor.clone().into_bytes();
    forged[3] = if forged[3] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    for (guest, path) in [
        (&bob, format!("/jobs?cursor={cursor}")),
        (&ada, format!("/jobs?cursor={forged}")),
        (&ada, format!("/jobs?status=failed&cursor={cursor}")),
        (&ada, format!("/jobs?sort=createdAt:asc&cursor={cursor}")),
        (&ada, format!("/jobs?page=1&cursor={cursor}")),
        (&ada, format!("/deliveries?cursor={cursor}")),
    ] {
        let refused = house.get(guest, &path).await;
        assert_eq!((refused.status.as_u16(), refused.places()), (400, vec!["cursor"]), "{path}");
    }
}

#[tokio::test]
async fn pages_and_offsets_tell_how_many_there_are() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let mut ids = fill(&house, &ada, 45).await;
    ids.reverse();
    let third = house.get(&ada, "/jobs?page=3&limit=20").await;
    assert_eq!(third.ids(), ids[40..]);
    assert_eq!((&third.body["page"], &third.body["total"]), (&json!(3), &json!(45)));
    assert_eq!(third.body["nextCursor"], Value::Null);
    assert!(third.body.get("totalIsLowerBound").is_none() && third.body.get("offset").is_none());
    let middle = house.get(&ada, "/jobs?offset=7&limit=5").await;
    assert_eq!(middle.ids(), ids[7..12]);
    assert_eq!((&middle.body["offset"], &middle.body["limit"]), (&json!(7), &json!(5)));
    let cursor = middle.text("nextCursor");
    let next = house.get(&ada, &format!("/jobs?limit=5&cursor={cursor}")).await;
    assert_eq!(next.ids(), ids[12..17], "a page by number can be gone on from by cursor");
    assert!(next.body.get("total").is_none());
    let beyond = house.get(&ada, "/jobs?page=9&limit=20").await;
    assert_eq!((beyond.ids().len(), &beyond.body["total"]), (0, &json!(45)));
    let failed = house.get(&ada, "/jobs?page=1&status=failed").await;
    assert_eq!(failed.body["total"], 9);
    let deep = house.get(&ada, "/jobs?offset=9999&limit=2").await;
    assert_eq!((deep.status.as_u16(), deep.places()), (400, vec!["offset"]));
    assert!(deep.text("detail").contains("cursor"));
}

#[tokio::test]
async fn payloads_come_when_asked_for_and_as_many_as_fit() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let small = house.put(&ada, Status::Pending, Priority::Low, "small", "[1]").await;
    let large = format!("\"{}\"", "p".repeat(250_000));
    for _ in 0..25 {
        house.put(&ada, Status::Completed, Priority::High, "large", &large).await;
    }
    let (mut path, mut found, mut pages) = ("/jobs?include=payload&limit=100".to_owned(), Vec::new(), 0);
    loop {
        let page = house.get(&ada, &path).await;
        assert!(page.body.to_string().len() <= 5_100_000, "no answer passes 5 MB");
        for job in page.body["jobs"].as_array().unwrap() {
            let length = job["payload"].to_string().len();
            assert_eq!(length, if job["id"] == small.id.to_string() { 3 } else { large.len() });
        }
        found.extend(page.ids());
        pages += 1;
        let Some(cursor) = page.body["nextCursor"].as_str() else { break };
        path = format!("/jobs?include=payload&limit=100&cursor={cursor}");
    }
    assert_eq!(found.iter().collect::<HashSet<_>>().len(), 26);
    assert_eq!((found.len(), pages), (26, 2));
}

#[tokio::test]
async fn only_an_admin_lists_the_jobs_of_others() {
    let house = House::new().await;
    let (ada, bob) = (house.guest("ada").await, house.guest("bob").await);
    let root = house.guest_as("root", Role::Admin).await;
    let ids = fill(&house, &bob, 3).await;
    assert_eq!(house.get(&ada, "/jobs").await.ids().len(), 0);
    let path = format!("/jobs?userId={}&sort=createdAt:asc&limit=2", bob.id);
    assert_eq!(house.get(&ada, &path).await.status, 403);
    let own = house.get(&bob, &path).await;
    let seen = house.get(&root, &path).await;
    assert_eq!((own.ids(), seen.ids()), (ids[..2].to_vec(), ids[..2].to_vec()));
    let next = house.get(&root, &format!("{path}&cursor={}", seen.text("nextCursor"))).await;
    assert_eq!(next.ids(), ids[2..]);
}
