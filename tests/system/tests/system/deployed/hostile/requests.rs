//! Parameters of the query.

use http::Method;
use serde_json::{Value, json};

use crate::deployed::Deployment;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parameters_that_cannot_be_taken_are_named() {
    let house = Deployment::new().await;
    let ada = house.api.person("ada").await;
    let token = ada.token.as_str();
    for name in ["a", "b"] {
        house.api.job(token, json!({ "taskName": name })).await;
    }
    let cursor = house.api.get("/jobs?limit=1", token).await.text("nextCursor");
    let mut forged = cursor.clone().into_bytes();
    forged[3] = if forged[3] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    let ids = vec![format!("job_{}", "0".repeat(32)); 1].join(",");
    let hundred_and_one: Vec<_> = (0..101).map(|n| format!("job_018bcfe568007abcabababab{n:08x}")).collect();
    let cases = [
        ("limit=-1".to_owned(), "limit"),
        ("limit=0".to_owned(), "limit"),
        ("limit=101".to_owned(), "limit"),
        ("limit=1.5".to_owned(), "limit"),
        ("limit=99999999999999999999999".to_owned(), "limit"),
        ("limit=ten".to_owned(), "limit"),
        ("limit=%FF".to_owned(), "limit"),
        ("limit=1&limit=2".to_owned(), "limit"),
        ("page=0".to_owned(), "page"),
        ("page=-1".to_owned(), "page"),
        ("page=18446744073709551615".to_owned(), "page"),
        ("offset=-1".to_owned(), "offset"),
        ("offset=10000".to_owned(), "offset"),
        ("page=1&offset=1".to_owned(), "offset"),
        ("status=odd".to_owned(), "status"),
        ("status=pending,%00".to_owned(), "status"),
        ("priority=urgent".to_owned(), "priority"),
        ("sort=name:asc".to_owned(), "sort"),
        ("sort=createdAt:sideways".to_owned(), "sort"),
        ("include=secret".to_owned(), "include"),
        ("userId=me".to_owned(), "userId"),
        ("scope=everything".to_owned(), "scope"),
        ("scope=all&page=1".to_owned(), "page"),
        ("ids=1".to_owned(), "ids"),
        (format!("ids={ids},job_"), "ids"),
        (format!("ids={}", hundred_and_one.join(",")), "ids"),
        (format!("search={}", "x".repeat(513)), "search"),
        ("cursor=forged".to_owned(), "cursor"),
        (format!("cursor={}", "A".repeat(30_000)), "cursor"),
        (format!("cursor={forged}"), "cursor"),
        (format!("cursor={cursor}A"), "cursor"),
        (format!("cursor={cursor}&status=pending"), "cursor"),
        (format!("cursor={cursor}&sort=createdAt:asc"), "cursor"),
        (format!("cursor={cursor}&page=1"), "cursor"),
    ];
    for path in ["/jobs", "/filter", "/get-jobs", "/api/jobs"] {
        for (query, place) in &cases {
            let reply = house.api.get(&format!("{path}?{query}"), token).await;
            assert_eq!(reply.problem(400, query), Some(*place), "{path}?{query:.80}");
        }
        let next = house.api.get(&format!("{path}?limit=1&cursor={cursor}"), token).await;
        assert_eq!(next.json["jobs"].as_array().unwrap().len(), 1, "{next:?}");
    }
    let runs = format!("/jobs/{}/runs", house.api.job(token, json!({ "taskName": "c" })).await);
    for query in ["limit=0", "limit=101", "limit=1.5", "cursor=forged", &format!("cursor={cursor}")] {
        let reply = house.api.get(&format!("{runs}?{query}"), token).await;
        assert_eq!(reply.problem(400, &runs), query.split('=').next(), "{query}");
    }
    for query in ["limit=-1", "limit=101", "state=odd", "cursor=forged", "userId=me"] {
        for path in ["/deliveries", "/get-logs"] {
            let reply = house.api.get(&format!("{path}?{query}"), token).await;
            assert_eq!(reply.problem(400, path), query.split('=').next(), "{path}?{query}");
        }
    }
    for id in ["1", "job_", "null", "job_%00", &"9".repeat(9_000), "usr_018bcfe568007abcabababababababab"] {
        for (method, path) in [
            (Method::GET, format!("/jobs/{id}/logs")),
            (Method::GET, format!("/jobs/{id}/runs")),
            (Method::POST, format!("/jobs/{id}/run")),
            (Method::POST, format!("/jobs/{id}/pause")),
            (Method::POST, format!("/jobs/{id}/resume")),
            (Method::POST, format!("/jobs/{id}/deliveries/{id}/redeliver")),
            (Method::GET, format!("/webhooks/{id}x")),
            (Method::POST, format!("/webhooks/{id}/rotate")),
            (Method::POST, format!("/webhooks/{id}/test")),
            (Method::GET, format!("/get-logs/{id}x")),
            (Method::DELETE, format!("/keys/{id}x")),
        ] {
            let reply = house.api.call(method, &path, token, &Value::Null).await;
            reply.problem(404, &path);
        }
    }
}
