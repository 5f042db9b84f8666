//! What an admin may do, and who is none.

use http::Method;
use serde_json::{Value, json};

use super::{NOWHERE, endpoint_of, everywhere};
use crate::house::{Api, until};
use crate::process::Process;
use crate::routes::{About, Access};

const ADMIN: (&str, &str) = ("ADMIN_EMAIL", "Root@Example.com");

/// A job with a schedule that does not come during the test.
async fn job(api: &Api, token: &str) -> String {
    let schedule = json!({ "startTime": "2099-01-01T00:00:00Z", "recurrence": { "interval": "yearly" } });
    api.job(token, json!({ "taskName": "report", "schedule": schedule })).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_sees_and_operates_any_users_job_and_nobodys_account() {
    let vars = [ADMIN, ("SIMULATED_TASK_MS", "600000")];
    let process = Process::start(&["--ephemeral"], &vars);
    let api = &process.api;
    let (ada, root) = (api.person("ada").await, api.person("root").await);
    let keys = api.key(&ada.token, &["read"]).await;
    let everything = api.key(&root.token, &["read", "write", "run"]).await.text;
    let mut asked = 0;
    let count = everywhere(NOWHERE).len();
    let endpoint = endpoint_of(api, &ada).await;
    for place in 0..count {
        let job = job(api, &ada.token).await;
        let about = About { job: &job, key: &keys.id, endpoint: &endpoint };
        let (method, path, access) = everywhere(about).swap_remove(place);
        let what = format!("{method} {path}");
        let body = match method {
            Method::PUT | Method::PATCH => json!({ "priority": "high" }),
            _ => Value::Null,
        };
        // One way by a session and the other by a key: an admin's key is an admin's.
        let credential = if place % 2 == 0 { &root.token } else { &everything };
        match access {
            Access::Job(_) => {
                let reply = api.call(method, &path, credential, &body).await;
                let status = reply.status.as_u16();
                let never_ran = path.ends_with("/rerun") && status == 409;
                // The job has told of nothing yet.
                let no_delivery = path.ends_with("/redeliver") && reply.text("detail").contains("delivery");
                assert!(reply.status.is_success() || never_ran || no_delivery, "{what}: {}", reply.json);
                if reply.json["userId"].is_string() {
                    assert_eq!(reply.json["userId"], json!(ada.id), "{what}");
                }
                asked += 1;
            }
            // A key is its owner's alone, and so is an endpoint with its secret.
            Access::Key | Access::Endpoint(_) => {
                api.call(method, &path, &root.token, &body).await.problem(404, &what);
            }
            Access::Admin(_) => {
                let reply = api.call(method.clone(), &path, credential, &body).await;
                assert!(reply.status.is_success(), "{what}: {}", reply.json);
                api.call(method, &path, &ada.token, &body).await.problem(403, &what);
            }
            Access::Own(_) | Access::OwnSecret(_) | Access::Session | Access::Public(_) => {}
        }
    }
    assert!(asked >= 38, "{asked}");
    assert_eq!(api.get("/profile", &keys.text).await.text("role"), "user");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_lists_and_others_do_not() {
    let process = Process::start(&["--ephemeral"], &[ADMIN]);
    let api = &process.api;
    let root = api.person("root").await;
    assert_eq!(api.get("/profile", &root.token).await.text("role"), "admin");
    let (ada, ben) = (api.person("ada").await, api.person("ben").await);
    let mut jobs = vec![job(api, &ada.token).await, job(api, &ben.token).await, job(api, &root.token).await];
    jobs.sort_unstable();
    let ids = |json: &Value, list: &str, id: &str| -> Vec<String> {
        let rows = json[list].as_array().unwrap_or_else(|| panic!("no {list} in {json}"));
        let mut ids: Vec<_> = rows.iter().map(|row| row[id].as_str().unwrap().to_owned()).collect();
        ids.sort_unstable();
        ids
    };
    until("the index shows all jobs", || async {
        let reply = api.get("/jobs?scope=all&limit=100", &root.token).await;
        (ids(&reply.json, "jobs", "id") == jobs).then_some(())
    })
    .await;
    let own = api.get("/jobs", &root.token).await.json;
    assert_eq!(own["jobs"].as_array().unwrap().len(), 1, "without asking an admin sees their own: {own}");
    let hers = api.get(&format!("/jobs?userId={}", ada.id), &root.token).await.json;
    assert_eq!(hers["jobs"][0]["userId"], json!(ada.id));
    let users = api.get("/users", &root.token).await.json;
    let mut people = [&ada.id, &ben.id, &root.id].map(Clone::clone).to_vec();
    people.sort_unstable();
    assert_eq!(ids(&users, "users", "id"), people);

    // A key is an admin's as far as its scopes go, and a user's key never.
    let (reads, runs) = (api.key(&root.token, &["read"]).await, api.key(&root.token, &["run"]).await);
    let hers = api.key(&ada.token, &["read", "write", "run"]).await;
    for path in ["/users", "/jobs?scope=all", &format!("/jobs?userId={}", ben.id)] {
        assert_eq!(api.get(path, &reads.text).await.status, 200, "{path}");
        for token in [&runs.text, &hers.text, &ada.token] {
            api.get(path, token).await.problem(403, path);
        }
    }
    let given = api.post("/jobs", &root.token, json!({ "taskName": "a", "userId": ada.id })).await;
    assert_eq!((given.status.as_u16(), given.text("userId")), (201, ada.id.clone()), "{given:?}");
    // Whoever says so is none.
    let mut account = json!({ "name": "x", "email": "x@example.com", "password": crate::house::PASSWORD });
    account["role"] = json!("admin");
    api.post("/register", "", account).await.problem(400, "a role");
    let change = json!({ "name": "x", "role": "admin" });
    let patched = api.call(Method::PATCH, "/profile", &ada.token, &change).await;
    assert_eq!(patched.problem(400, "a role"), Some("/role"));
}
