//! What an API key opens, for each scope alone and on every route.

use domain::api_key::Scope;
use http::Method;
use serde_json::{Value, json};

use super::{NOWHERE, endpoint_of, everywhere};
use crate::authorisation::credentials::{api_key, bearer};
use crate::deployed::Deployment;
use crate::house::{Key, Reply};
use crate::routes::{About, Access};

/// A key with every scope, and one with each alone.
async fn keys(house: &Deployment, token: &str) -> Vec<(Vec<Scope>, Key)> {
    let mut keys = Vec::new();
    for scopes in [Scope::ALL.to_vec()].into_iter().chain(Scope::ALL.map(|scope| vec![scope])) {
        let names: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
        let key = house.api.key(token, &names).await;
        keys.push((scopes, key));
    }
    keys
}

/// A record that is not there is told of only after the key has been weighed, and harms nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_opens_what_its_scopes_say_and_nothing_else() {
    let house = Deployment::new().await;
    let ada = house.api.person("ada").await;
    let profile = house.api.get("/profile", &ada.token).await.json;
    let (mut opened, mut shut) = (0, 0);
    for (scopes, key) in keys(&house, &ada.token).await {
        for (method, path, access) in everywhere(NOWHERE) {
            if matches!(access, Access::Public(_)) {
                continue;
            }
            for shown in [bearer(&key.text), api_key(&key.text)] {
                let mut request = house.api.request(method.clone(), &path);
                for (name, value) in shown {
                    request = request.header(name, value);
                }
                if matches!(method, Method::PUT | Method::PATCH) {
                    request = request.json(&json!({ "taskName": "b" }));
                }
                let reply = Reply::to(request).await.unwrap();
                let what = format!("{method} {path} with a key for {scopes:?}");
                match access {
                    // Every other user's key stops here too.
                    Access::Admin(scope) if scopes.contains(&scope) => {
                        reply.problem(403, &what);
                        assert!(reply.text("detail").contains("admin"), "{what}: {}", reply.json);
                        opened += 1;
                    }
                    _ if access.takes(&scopes) => {
                        let status = reply.status.as_u16();
                        assert!([200, 400, 404].contains(&status), "{what}: {}", reply.json);
                        let is_named = matches!(access, Access::Job(_) | Access::Endpoint(_));
                        assert_eq!(status == 404, is_named, "{what}: {}", reply.json);
                        opened += 1;
                    }
                    _ => {
                        let lacking = access.scopes().iter().find(|scope| !scopes.contains(scope));
                        reply.problem(403, &what);
                        let challenge =
                            reply.headers.get("www-authenticate").map(|one| one.to_str().unwrap());
                        match lacking {
                            Some(scope) => {
                                let challenge = challenge.unwrap_or_default();
                                assert!(challenge.contains("insufficient_scope"), "{what}: {challenge}");
                                assert!(challenge.contains(&format!("scope=\"{scope}\"")), "{what}");
                            }
                            None => assert_eq!(challenge, None, "{what}: no scope would do"),
                        }
                        shut += 1;
                    }
                }
            }
        }
    }
    assert!(opened >= 2 * 2 * 2 * 30 && shut >= 2 * 2 * 70, "{opened} {shut}");
    assert_eq!(house.api.get("/profile", &ada.token).await.json, profile);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_without_the_scope_leaves_a_job_as_it_is() {
    let house = Deployment::new().await;
    let api = &house.api;
    let ada = api.person("ada").await;
    let job = api.job(&ada.token, json!({ "taskName": "a" })).await;
    let path = format!("/jobs/{job}");
    let before = api.get(&path, &ada.token).await.json;
    let listed = api.get("/keys", &ada.token).await.json;
    let endpoint = endpoint_of(api, &ada).await;
    let endpoints = api.get("/webhooks", &ada.token).await.json;
    for (scopes, key) in keys(&house, &ada.token).await {
        for (method, path, access) in everywhere(About { job: &job, key: &key.id, endpoint: &endpoint }) {
            if !access.takes(&scopes) && !matches!(access, Access::Public(_)) {
                let body = json!({ "taskName": "b", "name": "Eve", "password": "x", "scopes": ["read"] });
                let reply = api.call(method.clone(), &path, &key.text, &body).await;
                reply.problem(403, &format!("{method} {path} with a key for {scopes:?}"));
            }
        }
    }
    assert_eq!(api.get(&path, &ada.token).await.json, before);
    assert_eq!(api.get("/webhooks", &ada.token).await.json, endpoints);
    assert_eq!(listed["keys"], json!([]));
    assert_eq!(api.get("/keys", &ada.token).await.json["keys"].as_array().unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_runs_as_it_is_created_takes_two_scopes() {
    let house = Deployment::new().await;
    let api = &house.api;
    let ada = api.person("ada").await;
    let both = api.key(&ada.token, &["write", "run"]).await.text;
    for (scopes, key) in keys(&house, &ada.token).await {
        let (writes, runs) = (scopes.contains(&Scope::Write), scopes.contains(&Scope::Run));
        for path in ["/jobs", "/create-job", "/api/jobs"] {
            let reply = api.post(path, &key.text, json!({ "taskName": "a", "run": true })).await;
            assert_eq!(reply.status == 201, writes && runs, "{path} {scopes:?}: {}", reply.json);
            assert!(writes && runs || reply.status == 403, "{path} {scopes:?}: {}", reply.json);
        }
        let batch = json!({ "jobs": [{ "taskName": "a", "run": true }, { "taskName": "b" }] });
        let reply = api.post("/jobs/batch", &key.text, batch).await;
        if writes {
            let statuses = [&reply.json["results"][0]["status"], &reply.json["results"][1]["status"]];
            let wanted = [json!(if runs { 201 } else { 403 }), json!(201)];
            assert_eq!(statuses, [&wanted[0], &wanted[1]], "{scopes:?}: {reply:?}");
        } else {
            reply.problem(403, "a batch");
        }
    }
    // Neither needs the third.
    let made = api.post("/jobs", &both, json!({ "taskName": "a", "run": true })).await;
    assert_eq!(made.status, 201, "{made:?}");
    let seen = api.call(Method::GET, &format!("/jobs/{}", made.text("jobId")), &both, &Value::Null).await;
    seen.problem(403, "a key that may not read");
}
