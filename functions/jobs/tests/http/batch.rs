//! Many jobs in one request.

use serde_json::{Value, json};

use crate::house::House;

#[tokio::test]
async fn each_job_has_its_own_outcome() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let jobs = json!({"jobs": [
        {"taskName": "one", "run": true, "priority": "high"},
        {"priority": "urgent"},
        "no object",
        {"taskName": "keyed", "idempotencyKey": "k"},
        {"taskName": "large", "payload": "p".repeat(300 * 1024)},
        {"taskName": "foreign", "userId": "usr_018bcfe568007abcabababababababab"}
    ]});
    let reply = house.post(&ada, "/jobs/batch", jobs.clone()).await;
    assert_eq!(reply.status, 207, "{}", reply.body);
    let results = reply.body["results"].as_array().unwrap();
    let statuses: Vec<_> = results.iter().map(|result| result["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [201, 400, 400, 201, 413, 403]);
    assert_eq!((&reply.body["created"], &reply.body["failed"]), (&json!(2), &json!(4)));
    for (index, result) in results.iter().enumerate() {
        assert_eq!(result["index"], index);
        assert_eq!(result["job"].is_object(), result["status"] == 201, "{result}");
        for id in ["requestId", "traceId"] {
            assert_eq!(result["error"][id].is_string(), result["status"] != 201, "{result}");
        }
    }
    assert_eq!(results[0]["job"]["status"], "running");
    assert_eq!(results[1]["error"]["errors"][1]["pointer"], "/taskName");
    assert_eq!(house.messages("jobs-high").await.len(), 1);
    let again = house.post(&ada, "/jobs/batch", jobs).await;
    assert_eq!(again.body["results"][3]["job"]["id"], results[3]["job"]["id"]);
    assert_ne!(again.body["results"][0]["job"]["id"], results[0]["job"]["id"]);
}

#[tokio::test]
async fn takes_1_to_100_jobs() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let jobs = |n: usize| json!({"jobs": vec![json!({"taskName": "x"}); n]});
    for n in [0, 101] {
        assert_eq!(house.post(&ada, "/jobs/batch", jobs(n)).await.places(), ["/jobs"], "{n}");
    }
    for wrong in [json!({}), json!({"jobs": {}}), json!({"jobs": null})] {
        assert_eq!(house.post(&ada, "/jobs/batch", wrong).await.places(), ["/jobs"]);
    }
    assert_eq!(house.post(&ada, "/jobs/batch", json!({"jobs": [], "x": 1})).await.places(), ["/jobs", "/x"]);
    let full = house.post(&ada, "/jobs/batch", jobs(100)).await;
    assert_eq!((full.status.as_u16(), &full.body["created"]), (207, &json!(100)));
    let listed = house.get(&ada, "/jobs?limit=100").await;
    assert_eq!((listed.ids().len(), &listed.body["nextCursor"]), (100, &Value::Null));
}
