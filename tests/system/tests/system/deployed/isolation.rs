//! Nobody gets further than a key's scopes, and nobody but an admin at another's record, whichever way they try; the
//! answers of each route stand in `authorisation`.

mod admins;
mod cursors;
mod scopes;

use http::Method;
use serde_json::{Value, json};

use crate::deployed::Deployment;
use crate::house::{Api, Person, Reply};
use crate::routes::{About, Access, TABLE};
use crate::sink::hex_signature;

/// Records that are not there.
pub(crate) const NOWHERE: About<'_> = About {
    job: "job_018bcfe568007abcabababababababab",
    key: "key_018bcfe568007abcabababababababab",
    endpoint: "end_018bcfe568007abcabababababababab",
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_users_record_is_as_good_as_none_on_every_path() {
    let house = Deployment::new().await;
    let api = &house.api;
    let (ada, mallory) = (api.person("ada").await, api.person("mallory").await);
    let jobs = jobs_of(api, &ada).await;
    let before = look(api, &ada, &jobs).await;
    let key = api.key(&ada.token, &["read"]).await;
    let endpoint = endpoint_of(api, &ada).await;
    let her_key = api.key(&mallory.token, &["read", "write", "run"]).await;
    let mut asked = 0;
    for job in &jobs {
        let about = About { job, key: &key.id, endpoint: &endpoint };
        let twins = everywhere(about).into_iter().zip(everywhere(NOWHERE));
        for ((method, path, access), (_, nowhere, _)) in twins {
            if !matches!(access, Access::Job(_) | Access::Key | Access::Endpoint(_)) {
                continue;
            }
            let body = match method {
                Method::PUT | Method::PATCH => json!({ "taskName": "mine", "userId": mallory.id }),
                _ => Value::Null,
            };
            let reply = api.call(method.clone(), &path, &mallory.token, &body).await;
            let other = api.call(method.clone(), &nowhere, &mallory.token, &body).await;
            reply.problem(404, &format!("{method} {path}"));
            assert_eq!(
                reply.json["detail"], other.json["detail"],
                "{method} {path}: nothing tells them apart"
            );
            if access != Access::Key {
                let reply = api.call(method.clone(), &path, &her_key.text, &body).await;
                reply.problem(404, &format!("{method} {path} with a key"));
            }
            asked += 1;
        }
        for path in [
            format!("/jobs/{}", job.replace('_', "%5F")),
            format!("/jobs/{}", job.to_uppercase()),
            format!("//jobs/{job}"),
            format!("/api/api/jobs/{job}"),
            format!("/jobs/{job}%2Flogs"),
            format!("/get-logs?jobId={}&id={job}", NOWHERE.job),
            format!("/delete-job?id={}&id={job}", NOWHERE.job),
        ] {
            let reply = api.get(&path, &mallory.token).await;
            assert!([400, 404, 405].contains(&reply.status.as_u16()), "{path}: {reply:?}");
        }
    }
    assert!(asked >= 3 * 2 * 26, "{asked}");
    assert_eq!(look(api, &ada, &jobs).await, before);
    assert_eq!(api.get("/profile", &key.text).await.text("id"), ada.id);
    assert_eq!(api.get(&format!("/webhooks/{endpoint}"), &ada.token).await.json["version"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_hold_nothing_of_another_user() {
    let house = Deployment::new().await;
    let api = &house.api;
    let (ada, mallory) = (api.person("ada").await, api.person("mallory").await);
    let jobs = jobs_of(api, &ada).await;
    let before = look(api, &ada, &jobs).await;
    let named = jobs.join(",");
    for prefix in ["", "/api"] {
        for (path, member) in [
            ("/jobs", "jobs"),
            ("/filter", "jobs"),
            ("/get-jobs", "jobs"),
            ("/deliveries", "deliveries"),
            ("/get-logs", "deliveries"),
        ] {
            let path = format!("{prefix}{path}");
            let mine = api.get(&format!("{path}?limit=1"), &ada.token).await;
            assert_eq!(mine.json[member].as_array().unwrap().len(), 1, "{path}: {mine:?}");
            for query in ["", "?limit=100", "?search=report", "?page=1", &format!("?ids={named}")] {
                let reply = api.get(&format!("{path}{query}"), &mallory.token).await;
                assert_eq!(reply.status, 200, "{path}{query}: {reply:?}");
                assert_eq!(reply.json[member], json!([]), "{path}{query}");
                assert!([Value::Null, json!(0)].contains(&reply.json["total"]), "{path}{query}");
            }
            let reply = api.get(&format!("{path}?userId={}", ada.id), &mallory.token).await;
            assert_eq!(reply.problem(403, &path), Some("userId"));
            if member == "jobs" {
                let reply = api.get(&format!("{path}?scope=all"), &mallory.token).await;
                assert_eq!(reply.problem(403, &path), Some("scope"));
            }
            let cursor = mine.text("nextCursor");
            let reply = api.get(&format!("{path}?limit=1&cursor={cursor}"), &mallory.token).await;
            assert_eq!(reply.problem(400, &path), Some("cursor"));
        }
    }
    endpoint_of(api, &ada).await;
    assert_eq!(api.get("/webhooks", &ada.token).await.json["endpoints"].as_array().unwrap().len(), 1);
    assert_eq!(api.get("/webhooks", &mallory.token).await.json["endpoints"], json!([]));
    let again = json!({ "since": "2020-01-01T00:00:00Z", "state": "delivered" });
    let reply = api.post("/deliveries/redeliver", &mallory.token, again.clone()).await;
    assert_eq!((reply.status.as_u16(), &reply.json["matched"]), (202, &json!(0)), "{reply:?}");
    let mut hers = again;
    hers["userId"] = json!(ada.id);
    let reply = api.post("/deliveries/redeliver", &mallory.token, hers).await;
    assert_eq!(reply.problem(403, "her deliveries"), Some("/userId"));
    assert_eq!(look(api, &ada, &jobs).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_writes_in_anothers_name() {
    let house = Deployment::new().await;
    let api = &house.api;
    let (ada, mallory) = (api.person("ada").await, api.person("mallory").await);
    let theirs = json!({ "taskName": "theirs", "userId": ada.id });
    for path in ["/jobs", "/create-job", "/api/jobs", "/api/create-job"] {
        let reply = api.post(path, &mallory.token, theirs.clone()).await;
        assert_eq!(reply.problem(403, path), Some("/userId"));
    }
    let reply = api.post("/jobs/batch", &mallory.token, json!({ "jobs": [theirs] })).await;
    assert_eq!((reply.status.as_u16(), &reply.json["results"][0]["status"]), (207, &json!(403)), "{reply:?}");
    let own = api.job(&mallory.token, json!({ "taskName": "own" })).await;
    for method in [Method::PUT, Method::PATCH] {
        let reply =
            api.call(method, &format!("/jobs/{own}"), &mallory.token, &json!({ "userId": ada.id })).await;
        assert_eq!(reply.problem(403, "a change"), Some("/userId"));
    }

    // A key is its user's: under the same one each gets a job of their own.
    let once = |token: &str| {
        let request = api.request(Method::POST, "/jobs").bearer_auth(token).header("idempotency-key", "k");
        Reply::to(request.json(&json!({ "taskName": "once" })))
    };
    let (first, second) = (once(&ada.token).await.unwrap(), once(&mallory.token).await.unwrap());
    assert_ne!(first.text("jobId"), second.text("jobId"));
    assert_eq!((first.text("userId"), second.text("userId")), (ada.id.clone(), mallory.id.clone()));

    // What signs for one does not sign for the other's job.
    let (secret, other) = (api.secret(&ada.token).await, api.secret(&mallory.token).await);
    assert_ne!(secret, other);
    let body = json!({ "jobId": first.text("jobId") }).to_string();
    for (secret, status) in [(secret, 200), (other, 401)] {
        let request = api.request(Method::POST, "/webhook-test").body(body.clone());
        let request = request.header("x-signature", hex_signature(&secret, body.as_bytes()));
        assert_eq!(Reply::to(request).await.unwrap().status, status);
    }
    let listed = api.get("/jobs", &ada.token).await;
    assert_eq!(listed.json["jobs"].as_array().unwrap().len(), 1, "{listed:?}");
}

/// Every route, plain and under `/api`, about these.
fn everywhere(about: About<'_>) -> Vec<(Method, String, Access)> {
    let mut all = Vec::new();
    for route in TABLE {
        for path in route.paths(about) {
            let method: Method = route.method.parse().unwrap();
            all.push((method.clone(), format!("/api{path}"), route.access));
            all.push((method, path, route.access));
        }
    }
    all
}

/// A webhook endpoint of theirs, that hears of nothing.
async fn endpoint_of(api: &Api, person: &Person) -> String {
    let body = json!({ "url": format!("{}/webhook-test", api.base), "enabled": false });
    let reply = api.post("/webhooks", &person.token, body).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    reply.text("id")
}

/// One that waits, one that has run and told of it, and one that is cancelled and told of it.
async fn jobs_of(api: &Api, person: &Person) -> Vec<String> {
    let hook = format!("{}/webhook-test", api.base);
    let body = json!({ "taskName": "report", "webhookUrl": hook, "payload": { "to": "ada" } });
    let token = person.token.as_str();
    let waiting = api.job(token, body.clone()).await;
    let ended = api.job(token, body.clone()).await;
    let cancelled = api.job(token, body).await;
    assert_eq!(api.post(&format!("/jobs/{ended}/run"), token, Value::Null).await.status, 202);
    assert_eq!(api.post(&format!("/jobs/{cancelled}/cancel"), token, Value::Null).await.status, 200);
    for job in [&ended, &cancelled] {
        api.until_delivery(token, job, |row| row["state"] == "delivered").await;
    }
    vec![waiting, ended, cancelled]
}

/// All that their owner sees of these jobs.
async fn look(api: &Api, person: &Person, jobs: &[String]) -> Vec<Value> {
    let mut seen = Vec::new();
    for job in jobs {
        for path in [format!("/jobs/{job}"), format!("/jobs/{job}/logs"), format!("/jobs/{job}/deliveries")] {
            let reply = api.get(&path, &person.token).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            seen.push(reply.json);
        }
    }
    seen
}
