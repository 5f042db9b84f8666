//! What nobody should send, and what they are told.

use http::Request;
use serde_json::{Value, json};

use crate::house::House;

#[tokio::test]
async fn bodies_that_are_no_json_object() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.created(&ada, json!({"taskName": "x"})).await;
    let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
    for (method, path) in [("POST", "/jobs"), ("POST", "/jobs/batch"), ("PATCH", &*format!("/jobs/{id}"))] {
        for body in [&b""[..], b"{", b"[]", b"7", b"{\"taskName\":\"\xff\"}", b"{\"a\":1}}", deep.as_bytes()]
        {
            let reply = house.ask(&ada, method, path, &[], body.to_vec()).await;
            assert_eq!(reply.status, 400, "{method} {path}: {}", reply.body);
            assert_eq!(reply.text("type"), "/docs/errors/invalid-body", "{method} {path}: {}", reply.body);
        }
        let large = vec![b' '; 1024 * 1024 + 1];
        assert_eq!(house.ask(&ada, method, path, &[], large).await.status, 413);
        let text = [("content-type", "text/plain")];
        assert_eq!(house.ask(&ada, method, path, &text, "{}").await.status, 415);
    }
}

#[tokio::test]
async fn every_fault_is_told_at_once_and_where_it_stands() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let reply = house
        .post(
            &ada,
            "/jobs",
            json!({
                "taskName": 7, "type": "no blanks", "priority": "urgent", "maxRetries": 26, "run": "yes",
                "webhookUrl": "ftp://x", "webhookSecret": "short", "status": "completed", "userId": "me",
                "schedule": {"type": "one-time"}, "tskName": "x"
            }),
        )
        .await;
    assert_eq!(reply.status, 400);
    let mut places = reply.places();
    places.sort_unstable();
    assert_eq!(
        places,
        [
            "/maxRetries",
            "/priority",
            "/run",
            "/schedule/startTime",
            "/status",
            "/taskName",
            "/tskName",
            "/type",
            "/userId",
            "/webhookSecret",
            "/webhookUrl"
        ]
    );
    let detail = house.post(&ada, "/jobs", json!({})).await;
    assert_eq!(detail.places(), ["/taskName"]);
    let secret = json!({"taskName": "x", "webhookSecret": "a secret of its own"});
    assert_eq!(house.post(&ada, "/jobs", secret).await.places(), ["/webhookSecret"]);
    let two = json!({"taskName": "x", "payload": 1, "parameters": 2});
    assert_eq!(house.post(&ada, "/jobs", two).await.places(), ["/parameters"]);
}

#[tokio::test]
async fn limits_are_exact() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let named = |n: usize| json!({"taskName": "é".repeat(n)});
    assert_eq!(house.post(&ada, "/jobs", named(255)).await.status, 201);
    assert_eq!(house.post(&ada, "/jobs", named(256)).await.places(), ["/taskName"]);
    let sized = |n: usize| json!({"taskName": "x", "payload": "p".repeat(n - 2)});
    for (bytes, status) in [(262_143, 201), (262_144, 201), (262_145, 413), (300 * 1024, 413)] {
        let reply = house.post(&ada, "/jobs", sized(bytes)).await;
        assert_eq!(reply.status, status, "{bytes}");
        if status == 413 {
            assert_eq!(reply.places(), ["/payload"]);
        }
    }
    let nested = |n: usize| format!("{{\"taskName\":\"x\",\"payload\":{}{}}}", "[".repeat(n), "]".repeat(n));
    for (levels, status) in [(100, 201), (101, 400), (1_000, 400), (100_000, 400)] {
        let reply = house.ask(&ada, "POST", "/jobs", &[], nested(levels)).await;
        assert_eq!(reply.status, status, "{levels}");
    }
    let id = house.created(&ada, json!({"taskName": "x"})).await;
    assert_eq!(house.patch(&ada, &id, sized(262_145)).await.status, 413);
    assert_eq!(house.patch(&ada, &id, named(256)).await.places(), ["/taskName"]);
}

#[tokio::test]
async fn parameters_that_cannot_be_taken_are_named() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    for (path, place) in [
        ("/jobs?limit=-1", "limit"),
        ("/jobs?limit=0", "limit"),
        ("/jobs?limit=101", "limit"),
        ("/filter?status=odd", "status"),
        ("/get-jobs?priority=urgent", "priority"),
        ("/jobs?cursor=forged", "cursor"),
        ("/jobs?page=0", "page"),
        ("/jobs?sort=taskName", "sort"),
        ("/deliveries?state=odd", "state"),
        ("/deliveries?limit=-5", "limit"),
        ("/get-logs?cursor=AAAA", "cursor"),
    ] {
        let reply = house.get(&ada, path).await;
        assert_eq!((reply.status.as_u16(), reply.places()), (400, vec![place]), "{path}");
    }
    let gone = house.ask(&ada, "DELETE", "/delete-job", &[], "").await;
    assert_eq!((gone.status.as_u16(), gone.places()), (400, vec!["id"]));
}

#[tokio::test]
async fn nothing_is_open_without_a_token_but_what_is_meant_to_be() {
    let house = House::new().await;
    let open = ["/webhook-test", "/health", "/openapi.json", "/docs", "/docs/errors/{code}"];
    for (method, path) in jobs::ROUTES {
        if open.contains(path) {
            continue;
        }
        let path = path.replace("{id}", "job_018bcfe568007abcabababababababab");
        for token in [None, Some("Bearer x"), Some("Basic x")] {
            let mut request = Request::builder().method(*method).uri(&path);
            if let Some(token) = token {
                request = request.header("authorization", token);
            }
            let reply = house.send(request.body("{}".into()).unwrap()).await;
            assert_eq!(reply.status, 401, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn ids_that_are_none_are_a_404_and_methods_that_are_none_a_405() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    for id in
        ["x", "job_1", "usr_018bcfe568007abcabababababababab", "%00", "job_018BCFE568007ABCABABABABABABABAB"]
    {
        assert_eq!(house.get(&ada, &format!("/jobs/{id}")).await.status, 404, "{id}");
        assert_eq!(house.get(&ada, &format!("/get-logs?jobId={id}")).await.status, 404, "{id}");
    }
    assert_eq!(house.get(&ada, "/jobs/batch").await.status, 405);
    assert_eq!(house.post(&ada, "/jobs/x/logs", Value::Null).await.status, 405);
}
