//! A job from its creation to its end, by each way there is.

use futures::future::join_all;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::deployed::Deployment;
use crate::house::{Api, PASSWORD, Reply, until};
use crate::sink::Sink;

async fn ask(api: &Api, token: &str, job: &str, what: &str) -> Reply {
    api.post(&format!("/jobs/{job}/{what}"), token, Value::Null).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_jobs_of_all_priorities_end_and_each_tells_of_it_once() {
    let sink = Sink::new(|_| StatusCode::OK).await;
    let deployment = Deployment::new().await;
    let api = &deployment.api;
    let token = api.person("ada").await.token;
    let of = |number: usize| {
        json!({ "taskName": format!("job {number}"), "priority": (["high", "medium", "low"][number % 3]),
            "payload": { "number": number }, "webhookUrl": sink.base, "run": true })
    };
    let batch = json!({ "jobs": (0..40).map(of).collect::<Vec<_>>() });
    let made = api.post("/jobs/batch", &token, batch).await;
    assert_eq!(made.status, 207, "{made:?}");
    let results = made.json["results"].as_array().unwrap();
    let mut jobs: Vec<String> = results
        .iter()
        .map(|one| one["job"]["id"].as_str().unwrap_or_else(|| panic!("{one}")).to_owned())
        .collect();
    jobs.extend(join_all((40..50).map(|number| api.job(&token, of(number)))).await);
    join_all(jobs.iter().map(|job| api.until_status(&token, job, "completed"))).await;
    until("every webhook arrives", || async { (sink.arrivals().len() >= jobs.len()).then_some(()) }).await;
    let mut told: Vec<_> =
        sink.arrivals().iter().map(|one| one.json()["jobId"].as_str().unwrap().to_owned()).collect();
    told.sort_unstable();
    jobs.sort_unstable();
    assert_eq!(told, jobs, "one webhook a job");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_comes_twice_makes_one_job() {
    let deployment = Deployment::new().await;
    let api = &deployment.api;
    let token = api.person("ada").await.token;
    let once = |body: Value| {
        let request = api.request(Method::POST, "/jobs").bearer_auth(&token);
        Reply::to(request.header("idempotency-key", "first").json(&body))
    };
    let body = json!({ "taskName": "a", "run": true });
    let both = join_all([once(body.clone()), once(body)]).await;
    let replies: Vec<_> = both.into_iter().map(Result::unwrap).collect();
    assert!(replies.iter().all(|reply| reply.status.is_success()), "{replies:?}");
    assert_eq!(replies[0].text("jobId"), replies[1].text("jobId"));
    once(json!({ "taskName": "b" })).await.unwrap().problem(422, "the same key for something else");
    let listed = api.get("/jobs", &token).await;
    assert_eq!(listed.json["jobs"].as_array().unwrap().len(), 1, "{listed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_fails_is_tried_again_and_tells_of_its_end() {
    let sink = Sink::new(|_| StatusCode::OK).await;
    let deployment = Deployment::new().await;
    let api = &deployment.api;
    let token = api.person("ada").await.token;
    let job = |payload: Value, retries: u32| json!({ "taskName": "a", "payload": payload, "maxRetries": retries, "webhookUrl": sink.base, "run": true });
    let mended = api.job(&token, job(json!({ "failTimes": 2 }), 3)).await;
    let ended = api.until_status(&token, &mended, "completed").await;
    assert_eq!((&ended["retryCount"], &ended["attempts"]), (&json!(2), &json!(3)), "{ended}");
    let doomed = api.job(&token, job(json!({ "fail": true }), 1)).await;
    let ended = api.until_status(&token, &doomed, "failed").await;
    assert!(ended["lastError"].is_string() && ended["attempts"] == 2, "{ended}");
    for (job, event) in [(mended, "job.completed"), (doomed, "job.failed")] {
        let row = api.until_delivery(&token, &job, |row| row["state"] == "delivered").await;
        assert_eq!(row["event"], event, "{row}");
        let logs = api.get(&format!("/jobs/{job}/logs"), &token).await;
        assert!(
            logs.json.to_string().contains("\"failed\"") || logs.json.to_string().contains("rror"),
            "{logs:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_changed_cancelled_run_again_and_deleted() {
    let sink = Sink::new(|_| StatusCode::OK).await;
    let deployment = Deployment::new().await;
    let api = &deployment.api;
    let token = api.person("ada").await.token;
    let body = json!({ "taskName": "a", "priority": "medium", "payload": { "text": "x".repeat(5_000) }, "webhookUrl": sink.base });
    let job = api.job(&token, body).await;
    let path = format!("/jobs/{job}");
    let read = api.get(&path, &token).await;
    let tag = read.headers["etag"].clone();
    let request = |tag: &http::HeaderValue| {
        let request = api.request(Method::PATCH, &path).bearer_auth(&token).header("if-match", tag);
        Reply::to(request.json(&json!({ "priority": "high" })))
    };
    assert_eq!(request(&tag).await.unwrap().json["priority"], "high");
    request(&tag).await.unwrap().problem(412, "an older version");

    assert_eq!(ask(api, &token, &job, "cancel").await.json["status"], "cancelled");
    let row = api.until_delivery(&token, &job, |row| row["state"] == "delivered").await;
    assert_eq!(row["event"], "job.cancelled", "{row}");
    let again = ask(api, &token, &job, "rerun").await;
    assert_eq!((again.status.as_u16(), &again.json["status"]), (202, &json!("running")), "{again:?}");
    ask(api, &token, &job, "run").await.problem(409, "it runs");
    let ended = api.until_status(&token, &job, "completed").await;
    assert_eq!(ended["payload"]["text"].as_str().map(str::len), Some(5_000));
    until("both of its ends are told of", || async { (sink.arrivals().len() == 2).then_some(()) }).await;

    let gone = api.call(Method::DELETE, &path, &token, &Value::Null).await;
    assert_eq!(gone.status, 200, "{gone:?}");
    for path in [path.clone(), format!("{path}/logs"), format!("{path}/deliveries")] {
        api.get(&path, &token).await.problem(404, &path);
    }
    until("no list shows it", || async {
        let listed = api.get("/jobs", &token).await;
        listed.json["jobs"].as_array().is_some_and(Vec::is_empty).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_keys_and_sessions_end_at_once_and_so_does_what_belongs_to_it() {
    let deployment = Deployment::new().await;
    let api = &deployment.api;
    let ada = api.person("ada").await;
    let key = api.key(&ada.token, &["read", "write", "run"]).await;
    let job = api.job(&key.text, json!({ "taskName": "a", "run": true })).await;
    let second = api.login("ada").await;
    assert_eq!(api.post("/logout", &second, Value::Null).await.status, 200);
    api.get("/profile", &second).await.problem(401, "a session that ended");
    let spare = api.key(&ada.token, &["read"]).await;
    let gone = api.call(Method::DELETE, &format!("/keys/{}", spare.id), &ada.token, &Value::Null).await;
    assert_eq!(gone.status, 200, "{gone:?}");
    api.get("/jobs", &spare.text).await.problem(401, "a key that was revoked");
    let renamed = api.call(Method::PATCH, "/profile", &ada.token, &json!({ "name": "Ada L" })).await;
    assert_eq!(renamed.text("name"), "Ada L");
    let change = json!({ "currentPassword": PASSWORD, "newPassword": "staples of many horses" });
    let fresh = api.post("/profile/password", &ada.token, change).await.text("token");
    api.get("/profile", &ada.token).await.problem(401, "a session from before the change");
    api.until_status(&fresh, &job, "completed").await;
    api.post("/webhooks", &fresh, json!({ "url": format!("{}/webhook-test", api.base), "enabled": false }))
        .await;

    let wrong = api.call(Method::DELETE, "/profile", &fresh, &json!({ "password": PASSWORD })).await;
    assert!(wrong.status.is_client_error(), "{wrong:?}");
    let farewell = json!({ "password": "staples of many horses" });
    let gone = api.call(Method::DELETE, "/profile", &fresh, &farewell).await;
    assert_eq!(gone.status, 200, "{gone:?}");
    api.get("/jobs", &key.text).await.problem(401, "a key of an account that is gone");
    let root = deployment.admin().await;
    let path = format!("/jobs/{job}");
    until("its job goes", || async { (api.get(&path, &root.token).await.status == 404).then_some(()) }).await;
    let again = api.person("ada").await;
    assert_ne!(again.id, ada.id, "the address is free");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_gets_no_answer_it_takes_is_dead_and_an_admin_sees_it() {
    let sink = Sink::new(|_| StatusCode::BAD_GATEWAY).await;
    let deployment = Deployment::new().await;
    let api = &deployment.api;
    let (root, ada) = (deployment.admin().await, api.person("ada").await);
    let job = api.job(&ada.token, json!({ "taskName": "a", "webhookUrl": sink.base, "run": true })).await;
    let row = api.until_delivery(&ada.token, &job, |row| row["state"] == "dead").await;
    assert_eq!((&row["attempt"], &row["responseStatus"]), (&json!(3), &json!(502)), "{row}");
    let ids: Vec<_> = sink.arrivals().iter().map(|one| one.header("webhook-id").to_owned()).collect();
    assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    until("it lies among the dead", || async {
        let dead = api.get("/admin/dead-letters", &root.token).await;
        assert_eq!(dead.status, 200, "{dead:?}");
        dead.json.to_string().contains(&job).then_some(())
    })
    .await;
    let dry = api.post("/admin/dead-letters/redrive", &root.token, json!({ "dryRun": true })).await;
    assert!(dry.status.is_success(), "{dry:?}");
    api.get("/admin/dead-letters", &ada.token).await.problem(403, "no admin");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_filter_search_and_page() {
    let deployment = Deployment::new().await;
    let api = &deployment.api;
    let token = api.person("ada").await.token;
    for number in 0..7 {
        let body = json!({ "taskName": format!("report {number}"), "priority": (if number < 3 { "high" } else { "low" }),
            "payload": { "room": if number == 5 { "attic" } else { "cellar" } } });
        api.job(&token, body).await;
    }
    let count = async |query: &str| {
        let page = api.get(&format!("/jobs?{query}"), &token).await;
        page.json["jobs"].as_array().unwrap_or_else(|| panic!("{page:?}")).len()
    };
    until("the index shows all", || async { (count("").await == 7).then_some(()) }).await;
    for (query, wanted) in
        [("priority=high", 3), ("status=pending", 7), ("status=completed", 0), ("search=ATTIC", 1)]
    {
        assert_eq!(count(query).await, wanted, "{query}");
    }
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("/jobs?limit=3&sort=createdAt:asc&cursor={cursor}"), &token).await;
        names.extend(
            page.json["jobs"]
                .as_array()
                .unwrap()
                .iter()
                .map(|job| job["taskName"].as_str().unwrap().to_owned()),
        );
        match page.json["nextCursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(names, (0..7).map(|number| format!("report {number}")).collect::<Vec<_>>());
    let page = api.get("/jobs?page=2&limit=5", &token).await;
    assert_eq!(
        (page.json["jobs"].as_array().unwrap().len(), &page.json["total"]),
        (2, &json!(7)),
        "{page:?}"
    );
}
