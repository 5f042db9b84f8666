//! A cursor goes on with the list that gave it, and opens no other: not of another filter, job, kind or user.

use serde_json::{Value, json};

use crate::deployed::Deployment;
use crate::house::{Api, Person, until};

/// A job that has run twice and told of it each time.
async fn run_twice(api: &Api, person: &Person) -> String {
    let token = person.token.as_str();
    let hook = format!("{}/webhook-test", api.base);
    let job = api.job(token, json!({ "taskName": "report", "run": true, "webhookUrl": hook })).await;
    api.until_status(token, &job, "completed").await;
    let again = api.post(&format!("/jobs/{job}/rerun"), token, Value::Null).await;
    assert_eq!(again.status, 202, "{again:?}");
    api.until_status(token, &job, "completed").await;
    until("both runs are told of", || async {
        let listed = api.get(&format!("/jobs/{job}/deliveries"), token).await;
        (listed.json["deliveries"].as_array().is_some_and(|rows| rows.len() == 2)).then_some(())
    })
    .await;
    job
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_opens_the_list_that_gave_it_and_no_other() {
    let deployment = Deployment::new().await;
    let api = &deployment.api;
    let (root, ada) = (deployment.admin().await, api.person("ada").await);
    let (first, second) = (run_twice(api, &root).await, run_twice(api, &root).await);
    run_twice(api, &ada).await;
    api.job(&ada.token, json!({ "taskName": "report" })).await;
    let lists = [
        "/jobs?limit=1".to_owned(),
        "/jobs?limit=1&sort=createdAt:asc".to_owned(),
        "/jobs?limit=1&priority=low".to_owned(),
        "/jobs?limit=1&status=completed".to_owned(),
        "/jobs?limit=1&type=simulate".to_owned(),
        "/jobs?limit=1&search=report".to_owned(),
        "/jobs?limit=1&search=repor".to_owned(),
        "/jobs?limit=1&scope=all".to_owned(),
        format!("/jobs?limit=1&userId={}", ada.id),
        "/deliveries?limit=1".to_owned(),
        "/deliveries?limit=1&state=delivered".to_owned(),
        "/deliveries?limit=1&endpointId=job".to_owned(),
        format!("/jobs/{first}/deliveries?limit=1"),
        format!("/jobs/{second}/deliveries?limit=1"),
        format!("/jobs/{first}/runs?limit=1"),
        format!("/jobs/{second}/runs?limit=1"),
        "/users?limit=1".to_owned(),
    ];
    let mut cursors = Vec::new();
    for list in &lists {
        let what = format!("{list} goes on");
        let next = until(&what, || async {
            let reply = api.get(list, &root.token).await;
            assert_eq!(reply.status, 200, "{list}: {reply:?}");
            reply.json["nextCursor"].as_str().map(str::to_owned)
        });
        cursors.push(next.await);
    }
    for (place, list) in lists.iter().enumerate() {
        for (other, cursor) in cursors.iter().enumerate() {
            let reply = api.get(&format!("{list}&cursor={cursor}"), &root.token).await;
            let what = format!("{list} with the cursor of {}", lists[other]);
            if place == other {
                assert_eq!(reply.status, 200, "{what}: {reply:?}");
            } else {
                assert_eq!(reply.problem(400, &what), Some("cursor"), "{what}");
            }
        }
    }
    // The same lists of another user do not go on with them either.
    for (list, cursor) in ["/jobs?limit=1", "/deliveries?limit=1"].into_iter().zip([&cursors[0], &cursors[9]])
    {
        let reply = api.get(&format!("{list}&cursor={cursor}"), &ada.token).await;
        assert_eq!(reply.problem(400, list), Some("cursor"));
    }
}
