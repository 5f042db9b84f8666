//! Filters: every cell, several values, and texts to search for.

use domain::job::{Priority, Status};
use domain::user::Role;
use serde_json::json;

use crate::house::House;

#[tokio::test]
async fn every_status_and_priority_has_its_jobs_in_any_case() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let mut all = Vec::new();
    for status in Status::ALL {
        for priority in Priority::ALL {
            for _ in 0..2 {
                all.push(house.put(&ada, status, priority, "x", "{}").await);
            }
        }
    }
    all.reverse();
    let wanted = |keep: &dyn Fn(&domain::job::Job) -> bool| -> Vec<String> {
        all.iter().filter(|job| keep(job)).map(|job| job.id.to_string()).collect()
    };
    for status in Status::ALL {
        for priority in Priority::ALL {
            let upper = status.as_str().to_uppercase();
            let path = format!("/filter?status={upper}&priority={priority}");
            let ids = house.get(&ada, &path).await.ids();
            assert_eq!(ids, wanted(&|job| job.status == status && job.priority == priority), "{path}");
        }
        let ids = house.get(&ada, &format!("/get-jobs?status={status}&priority=")).await.ids();
        assert_eq!(ids, wanted(&|job| job.status == status), "{status}");
    }
    let several =
        house.get(&ada, "/jobs?status=IN_PROGRESS,Failed&priority=high&priority=LOW&limit=50").await;
    let both = |job: &domain::job::Job| {
        matches!(job.status, Status::Running | Status::Failed) && job.priority != Priority::Medium
    };
    assert_eq!(several.ids(), wanted(&both));
    assert_eq!(house.get(&ada, "/jobs?limit=100").await.ids(), wanted(&|_| true));
    let row = &house.get(&ada, "/jobs?limit=1").await.body["jobs"][0];
    assert!(row.get("payload").is_none() && row.get("parameters").is_none(), "{row}");
}

#[tokio::test]
async fn search_finds_names_and_the_beginning_of_payloads() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let name = house.put(&ada, Status::Pending, Priority::Low, "Nightly Report", "{}").await;
    let inline = house.put(&ada, Status::Failed, Priority::High, "a", r#"{"city":"ZÜRICH"}"#).await;
    let long = format!(r#"{{"city":"Basel","rest":"{}"}}"#, "r".repeat(5_000));
    let apart = house.put(&ada, Status::Completed, Priority::Low, "b", &long).await;
    for (text, job) in [("report", &name), ("y%20REP", &name), ("z%C3%BCrich", &inline), ("BASEL", &apart)] {
        let found = house.get(&ada, &format!("/jobs?search={text}")).await.ids();
        assert_eq!(found, [job.id.to_string()], "{text}");
    }
    assert_eq!(house.get(&ada, "/jobs?search=nowhere").await.ids().len(), 0);
    assert_eq!(house.get(&ada, "/jobs?search=basel&status=pending").await.ids().len(), 0);
}

#[tokio::test]
async fn a_type_is_a_filter_too() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.created(&ada, json!({"type": "Report"})).await;
    house.created(&ada, json!({"type": "simulate"})).await;
    assert_eq!(house.get(&ada, "/jobs?type=REPORT").await.ids(), [id]);
    assert_eq!(house.get(&ada, "/jobs?type=report&search=zzz").await.ids().len(), 0);
}

#[tokio::test]
async fn some_jobs_by_their_ids() {
    let house = House::new().await;
    let (ada, bob) = (house.guest("ada").await, house.guest("bob").await);
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(house.created(&ada, json!({"taskName": "x", "payload": n})).await);
    }
    let foreign = house.created(&bob, json!({"taskName": "x"})).await;
    let path = format!("/jobs?ids={},{},{foreign},{}&include=payload", ids[2], ids[0], ids[2]);
    let found = house.get(&ada, &path).await;
    assert_eq!(found.ids(), [ids[2].clone(), ids[0].clone()]);
    assert_eq!(found.body["jobs"][0]["payload"], 2);
    let many = vec![ids[0].as_str(); 101].join(",");
    assert_eq!(
        house.get(&ada, &format!("/jobs?ids={many}")).await.ids().len(),
        1,
        "one job, however often named"
    );
    let root = house.guest_as("root", Role::Admin).await;
    assert_eq!(house.get(&root, &format!("/jobs?ids={foreign},{}", ids[1])).await.ids().len(), 2);
}

#[tokio::test]
async fn a_search_that_finds_little_reads_so_much_and_goes_on() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let mut wanted = Vec::new();
    for n in 0..2_700 {
        // Most needles lie in a cell of their own, which is read to its end while the other still is not.
        let needle = n % 450 == 6 || n == 2_699;
        let status = if needle && n % 900 != 6 { Status::Pending } else { Status::Completed };
        let name = if needle { "needle" } else { "hay" };
        let job = house.put(&ada, status, Priority::Low, name, "{}").await;
        if needle {
            wanted.push(job.id.to_string());
        }
    }
    wanted.reverse();
    for (sort, wanted) in
        [("desc", wanted.clone()), ("asc", wanted.iter().rev().cloned().collect::<Vec<_>>())]
    {
        let (mut found, mut pages) = (Vec::new(), 0);
        let mut path = format!("/jobs?search=needle&sort=createdAt:{sort}");
        loop {
            let page = house.get(&ada, &path).await;
            found.extend(page.ids());
            pages += 1;
            assert!(pages < 12, "it ends");
            let Some(cursor) = page.body["nextCursor"].as_str() else { break };
            path = format!("/jobs?search=needle&sort=createdAt:{sort}&cursor={cursor}");
        }
        assert_eq!(found, wanted);
        assert!(pages >= 2, "one request does not read everything");
    }
    let page = house.get(&ada, "/jobs?search=needle&offset=2&limit=3").await;
    assert_eq!(page.ids(), wanted[2..5]);
    assert_eq!((&page.body["total"], page.body.get("totalIsLowerBound")), (&json!(7), None));
}
