//! Bodies.

use http::Method;
use serde_json::{Value, json};

use crate::deployed::Deployment;
use crate::house::Reply;

/// The routes that read a JSON object, and whether a body is needed.
fn readers(job: &str, endpoint: &str) -> Vec<(Method, String)> {
    let mut all = vec![
        (Method::POST, "/register".to_owned()),
        (Method::POST, "/login".to_owned()),
        (Method::POST, "/jobs".to_owned()),
        (Method::POST, "/create-job".to_owned()),
        (Method::POST, "/jobs/batch".to_owned()),
        (Method::PUT, format!("/jobs/{job}")),
        (Method::PATCH, format!("/jobs/{job}")),
        (Method::POST, "/schedules/preview".to_owned()),
        (Method::PUT, "/profile".to_owned()),
        (Method::PATCH, "/profile".to_owned()),
        (Method::DELETE, "/profile".to_owned()),
        (Method::POST, "/profile/password".to_owned()),
        (Method::POST, "/keys".to_owned()),
        (Method::POST, "/webhooks".to_owned()),
        (Method::PATCH, format!("/webhooks/{endpoint}")),
        (Method::POST, "/deliveries/redeliver".to_owned()),
    ];
    all.extend(all.clone().into_iter().map(|(method, path)| (method, format!("/api{path}"))));
    all
}

fn nested(levels: usize) -> Vec<u8> {
    [vec![b'['; levels], vec![b']'; levels]].concat()
}

fn in_member(value: &[u8]) -> Vec<u8> {
    [b"{\"taskName\":\"a\",\"payload\":", value, b"}"].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_no_json_object() {
    let house = Deployment::new().await;
    let ada = house.api.person("ada").await;
    let job = house.api.job(&ada.token, json!({ "taskName": "a" })).await;
    let broken: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b" ".to_vec(),
        b"{".to_vec(),
        b"}".to_vec(),
        b"[]".to_vec(),
        b"7".to_vec(),
        b"null".to_vec(),
        b"\"{}\"".to_vec(),
        b"{'taskName':'a'}".to_vec(),
        b"{\"taskName\":\"a\",}".to_vec(),
        b"{\"taskName\":NaN}".to_vec(),
        b"{\"taskName\":\"a\"} {}".to_vec(),
        b"{\"taskName\":\"a".to_vec(),
        b"{\"taskName\":\"\x01\"}".to_vec(),
        b"\xef\xbb\xbf{\"taskName\":\"a\"}".to_vec(),
        b"\x00".to_vec(),
        b"taskName=a&payload=b".to_vec(),
        nested(1_000),
        nested(100_000),
        vec![b'['; 100_000],
        [b"{\"a\":".repeat(100_000), b"1".to_vec()].concat(),
    ];
    let hook = json!({ "url": format!("{}/webhook-test", house.api.base) });
    let endpoint = house.api.post("/webhooks", &ada.token, hook).await.text("id");
    for (method, path) in readers(&job, &endpoint) {
        for body in &broken {
            let start = String::from_utf8_lossy(&body[..body.len().min(30)]).into_owned();
            let request = house.api.request(method.clone(), &path).bearer_auth(&ada.token);
            let request = request.header("content-type", "application/json").body(body.clone());
            let reply = Reply::to(request).await.unwrap();
            let what = format!("{method} {path} {start:?}");
            assert_eq!(reply.problem(400, &what), None, "{what}");
            assert_eq!(reply.json["type"], "/docs/errors/invalid-body", "{what}");
        }
        let two_mib = vec![b' '; 2 * 1024 * 1024];
        for (body, kind, status) in [
            (two_mib, "application/json", 413),
            (b"{}".to_vec(), "text/plain", 415),
            (b"{}".to_vec(), "\u{7f}", 415),
        ] {
            let request = house.api.request(method.clone(), &path).bearer_auth(&ada.token).body(body);
            let value = http::HeaderValue::from_bytes(kind.as_bytes());
            let Ok(value) = value else { continue };
            let reply = Reply::to(request.header("content-type", value)).await.unwrap();
            reply.problem(status, &format!("{method} {path}"));
        }
    }
    // These take no body, and what comes all the same they do not read.
    let reply = house.api.request(Method::POST, &format!("/jobs/{job}/cancel")).bearer_auth(&ada.token);
    assert_eq!(Reply::to(reply.body(nested(100_000))).await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_wrong_types_and_sizes_are_named() {
    let house = Deployment::new().await;
    let ada = house.api.person("ada").await;
    let token = ada.token.as_str();
    let change = format!("/jobs/{}", house.api.job(token, json!({ "taskName": "a" })).await);
    let values = || {
        [
            json!(7),
            json!(-1),
            json!(1.5),
            json!(1e300),
            json!(u64::MAX),
            json!(true),
            json!([]),
            json!({ "a": [] }),
            json!(""),
            json!("   "),
            json!("\u{0}"),
            json!("\u{202e}\u{feff}"),
            json!("../../etc/passwd"),
            json!("' OR 1=1 --"),
            json!("x".repeat(70_000)),
        ]
    };
    // What each member takes out of these, besides null, which is as good as nothing.
    let takes = |member: &str, value: &Value| match member {
        "payload" | "parameters" => true,
        "taskName" => value.as_str().is_some_and(|text| {
            let text = text.trim();
            !text.is_empty() && text.chars().count() <= 255 && !text.chars().any(char::is_control)
        }),
        "maxRetries" | "timeoutSeconds" => *value == json!(7),
        "run" => value.is_boolean(),
        "webhookSecret" => value.as_str().is_some_and(|text| (16..=128).contains(&text.len())),
        _ => false,
    };
    let members = [
        "taskName",
        "type",
        "payload",
        "parameters",
        "priority",
        "maxRetries",
        "timeoutSeconds",
        "run",
        "webhookUrl",
        "webhookSecret",
        "userId",
        "status",
        "schedule",
        "colour",
        "a/b~c",
    ];
    for (method, path) in [(Method::POST, "/jobs"), (Method::PATCH, change.as_str())] {
        for member in members {
            for value in values() {
                let mut body = json!({ "type": "simulate", "webhookUrl": "https://example.com/" });
                body[member] = value.clone();
                let reply = house.api.call(method.clone(), path, token, &body).await;
                let what = format!("{method} {path} {member}={:.40}", value.to_string());
                if takes(member, &value) && !(member == "run" && method == Method::PATCH) {
                    assert!(reply.status.is_success(), "{what}: {}", reply.json);
                    continue;
                }
                let pointer = format!("/{}", member.replace('~', "~0").replace('/', "~1"));
                if member == "schedule" && value.is_object() {
                    assert!(reply.problem(400, &what).unwrap().starts_with("/schedule/"), "{what}");
                    continue;
                }
                assert_eq!(reply.problem(400, &what), Some(pointer.as_str()), "{what}");
                assert_eq!(reply.json["errors"].as_array().unwrap().len(), 1, "{what}: {}", reply.json);
            }
        }
    }
    for member in ["name", "email", "password"] {
        for value in values() {
            let mut body =
                json!({ "name": "Ben", "email": "ben@example.com", "password": "a moth in the dusk" });
            body[member] = value.clone();
            // Some of them are a name or a password like any other.
            let text = value.as_str().unwrap_or_default().trim();
            let fits = match member {
                "name" => (1..=100).contains(&text.len()) && !text.chars().any(char::is_control),
                "password" => (8..=128).contains(&text.len()),
                _ => false,
            };
            if fits {
                continue;
            }
            let reply = house.api.post("/register", "", body).await;
            let what = format!("{member}={:.40}", value.to_string());
            assert_eq!(reply.problem(400, &what), Some(format!("/{member}").as_str()), "{what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payloads_and_batches_that_are_too_much() {
    let house = Deployment::new().await;
    let ada = house.api.person("ada").await;
    let token = ada.token.as_str();
    let change = format!("/jobs/{}", house.api.job(token, json!({ "taskName": "a" })).await);
    for (method, path) in [(Method::POST, "/jobs"), (Method::PUT, change.as_str())] {
        for member in ["payload", "parameters"] {
            let body = json!({ "taskName": "a", member: "x".repeat(300 * 1024) });
            let reply = house.api.call(method.clone(), path, token, &body).await;
            assert_eq!(reply.problem(413, path), Some(format!("/{member}").as_str()));
        }
        for levels in [101, 1_000, 100_000] {
            let request = house.api.request(method.clone(), path).bearer_auth(token);
            let reply = Reply::to(request.body(in_member(&nested(levels)))).await.unwrap();
            assert_eq!(reply.problem(400, path), Some("/payload"), "{levels} levels");
        }
    }
    let largest = "x".repeat(256 * 1024 - 2);
    let id = house.api.job(token, json!({ "taskName": "a", "payload": largest })).await;
    assert_eq!(house.api.get(&format!("/jobs/{id}"), token).await.json["payload"], largest);

    let jobs = |jobs: Value| house.api.post("/jobs/batch", token, json!({ "jobs": jobs }));
    for refused in [json!([]), json!({}), json!(7), json!(vec![json!({ "taskName": "a" }); 101])] {
        assert_eq!(jobs(refused).await.problem(400, "a batch"), Some("/jobs"));
    }
    let mixed = jobs(json!([{ "taskName": "a" }, 7, null, { "taskName": 7 }, []])).await;
    let results: Vec<_> =
        mixed.json["results"].as_array().unwrap().iter().map(|one| &one["status"]).collect();
    assert_eq!(results, [201, 400, 400, 400, 400], "{mixed:?}");
}
