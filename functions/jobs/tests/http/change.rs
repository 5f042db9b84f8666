//! Changing jobs.

use domain::job::PayloadPlace;
use serde_json::{Value, json};
use testkit::{Fault, When};

use crate::house::House;

#[tokio::test]
async fn what_is_named_changes_and_the_rest_stays() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let body = json!({"taskName": "old", "payload": {"a": 1}, "priority": "low", "maxRetries": 1});
    let id = house.created(&ada, body).await;
    let path = format!("/jobs/{id}");
    for (n, method) in ["PUT", "PATCH"].into_iter().enumerate() {
        let change = json!({"priority": if n == 0 { "HIGH" } else { "medium" }});
        let changed = house.ask(&ada, method, &path, &[], change.to_string()).await;
        assert_eq!(changed.status, 200, "{}", changed.body);
        assert_eq!(changed.text("message"), "Job updated successfully");
        assert_eq!(changed.headers["etag"], format!("\"{}\"", n + 2));
        assert_eq!((changed.text("taskName"), &changed.body["payload"]), ("old", &json!({"a": 1})));
        assert_eq!(changed.body["maxRetries"], 1);
    }
    assert_eq!(house.get(&ada, "/jobs?priority=medium").await.ids(), std::slice::from_ref(&id));
    assert_eq!(house.get(&ada, "/jobs?priority=low,high").await.ids().len(), 0);
    let all = json!({"taskName": "new", "type": "other", "parameters": [2], "maxRetries": 0});
    let changed = house.patch(&ada, &id, all).await;
    assert_eq!((changed.text("taskName"), changed.text("type")), ("new", "other"));
    assert_eq!((&changed.body["payload"], &changed.body["maxRetries"]), (&json!([2]), &json!(0)));
    let nothing = house.patch(&ada, &id, json!({"taskName": "new"})).await;
    assert_eq!((nothing.status.as_u16(), &nothing.body["version"]), (200, &json!(4)), "nothing is written");
    let log = house.get(&ada, &format!("{path}/logs")).await;
    assert_eq!(log.body[3]["message"], "changed: taskName, type, maxRetries, payload");
}

#[tokio::test]
async fn a_whole_job_may_be_sent_back() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let hook = json!({"taskName": "x", "payload": 1, "webhookUrl": "https://example.com", "run": true});
    for body in [json!({"taskName": "x", "payload": {"a": 1}}), hook] {
        let id = house.created(&ada, body).await;
        let path = format!("/jobs/{id}");
        let read = house.get(&ada, &path).await.body;
        let same = house.ask(&ada, "PUT", &path, &[], read.to_string()).await;
        assert_eq!((same.status.as_u16(), &same.body["version"]), (200, &json!(1)), "{}", same.body);
        for name in ["payload", "parameters"] {
            let mut changed = house.get(&ada, &path).await.body;
            changed[name] = json!([name]);
            let reply = house.ask(&ada, "PUT", &path, &[], changed.to_string()).await;
            assert_eq!(reply.body["payload"], json!([name]), "{}", reply.body);
        }
        let mut both = house.get(&ada, &path).await.body;
        (both["payload"], both["parameters"]) = (json!(1.5), json!(2.5));
        assert_eq!(house.ask(&ada, "PUT", &path, &[], both.to_string()).await.places(), ["/parameters"]);
        let mut ended = house.get(&ada, &path).await.body;
        ended["status"] = json!("cancelled");
        let refused = house.ask(&ada, "PUT", &path, &[], ended.to_string()).await;
        assert_eq!((refused.status.as_u16(), refused.places()), (400, vec!["/status"]));
        assert!(refused.text("detail").contains("cancel"));
    }
}

#[tokio::test]
async fn if_match_names_the_version_that_may_change() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.created(&ada, json!({"taskName": "x"})).await;
    let path = format!("/jobs/{id}");
    let send = async |method: &str, tag: &str, name: &str| {
        let body = json!({"taskName": name}).to_string();
        house.ask(&ada, method, &path, &[("If-Match", tag)], body).await
    };
    assert_eq!(send("PUT", "\"1\"", "a").await.status, 200);
    let late = send("PUT", "\"1\"", "b").await;
    assert_eq!((late.status.as_u16(), &late.headers["etag"]), (412, &"\"2\"".parse().unwrap()));
    assert_eq!(send("PATCH", "W/\"2\"", "c").await.status, 200);
    assert_eq!(send("PATCH", "\"9\", \"3\"", "d").await.status, 200);
    assert_eq!(send("PATCH", "*", "e").await.status, 200);
    assert_eq!(send("PATCH", "\"nonsense\"", "f").await.status, 412);
    assert_eq!(send("DELETE", "\"1\"", "").await.status, 412);
    assert_eq!(send("DELETE", "\"5\"", "").await.status, 200);
}

#[tokio::test]
async fn what_is_wrong_with_a_body_comes_before_a_version_that_has_passed() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.created(&ada, json!({"taskName": "x"})).await;
    for method in ["PUT", "PATCH"] {
        let wrong = json!({"webhookUrl": {}}).to_string();
        let reply = house.ask(&ada, method, &format!("/jobs/{id}"), &[("If-Match", "\"7\"")], wrong).await;
        assert_eq!((reply.status.as_u16(), reply.places()), (400, vec!["/webhookUrl"]), "{method}");
    }
}

#[tokio::test]
async fn a_whole_number_may_have_a_fraction_of_nothing() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let schedule = json!({"recurrence": {"interval": "daily", "maxRuns": 3.0}});
    let body = json!({"taskName": "x", "maxRetries": 11.0, "timeoutSeconds": 1e1, "schedule": schedule});
    let id = house.created(&ada, body).await;
    let job = house.get(&ada, &format!("/jobs/{id}")).await.body;
    assert_eq!((&job["maxRetries"], &job["timeoutSeconds"]), (&json!(11), &json!(10)));
    assert_eq!(job["schedule"]["recurrence"]["maxRuns"], 3);
    let reply = house.patch(&ada, &id, json!({"maxRetries": 1.5})).await;
    assert_eq!((reply.status.as_u16(), reply.places()), (400, vec!["/maxRetries"]));
}

#[tokio::test]
async fn a_lost_race_is_run_again_and_with_if_match_it_is_told() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.created(&ada, json!({"taskName": "x"})).await;
    let rename = |n: usize| {
        let (house, ada, id) = (&house, &ada, &id);
        async move { house.patch(ada, id, json!({"maxRetries": n})).await }
    };
    let replies = futures::future::join_all([4, 5, 6].map(rename)).await;
    assert!(replies.iter().all(|reply| reply.status == 200), "{replies:?}");
    assert_eq!(house.get(&ada, &format!("/jobs/{id}")).await.body["version"], 4);
    // A table that says that somebody else was first, and does not say who.
    house.bed.faults.plan(When::Always, Fault::ConditionFailed, Some("PutItem"));
    let lost = house.patch(&ada, &id, json!({"taskName": "y"})).await;
    assert!(matches!(lost.status.as_u16(), 404 | 409), "{}", lost.body);
    // An answer that is lost after the write took effect.
    house.bed.faults.plan(When::Nth(0), Fault::AnswerLost, Some("PutItem"));
    let kept = house.patch(&ada, &id, json!({"taskName": "z"})).await;
    assert_eq!((kept.status.as_u16(), &kept.body["version"]), (200, &json!(5)), "{}", kept.body);
}

#[tokio::test]
async fn a_payload_moves_out_of_the_record_and_back() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.created(&ada, json!({"taskName": "x", "payload": "small"})).await;
    let large = "L".repeat(100_000);
    for (n, (payload, apart)) in [
        (json!(large), true),
        (json!(format!("{large}M")), true),
        (json!("tiny"), false),
        (json!(large), true),
    ]
    .into_iter()
    .enumerate()
    {
        let changed = house.patch(&ada, &id, json!({"payload": payload})).await;
        assert_eq!(changed.status, 200, "{}", changed.body);
        assert_eq!(changed.body["payload"], payload);
        assert_eq!(changed.body["version"], n + 2);
        assert_eq!(house.get(&ada, &format!("/jobs/{id}")).await.body["payload"], payload);
        let job = house.bed.store().job(id.parse().unwrap(), house.bed.now()).await.unwrap().unwrap();
        assert_eq!(matches!(job.payload, PayloadPlace::Apart { .. }), apart, "{n}");
        let found = house.get(&ada, "/jobs?search=tiny").await.ids().len();
        assert_eq!(found, usize::from(!apart), "the search follows");
    }
    let renamed = house.patch(&ada, &id, json!({"taskName": "y"})).await;
    assert_eq!(renamed.body["payload"], json!(large), "a change of another member leaves it");
}

#[tokio::test]
async fn a_webhook_comes_changes_and_goes() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.created(&ada, json!({"taskName": "x"})).await;
    let stored = async || {
        let job = house.bed.store().job(id.parse().unwrap(), house.bed.now()).await.unwrap().unwrap();
        job.webhook
    };
    let alone = house.patch(&ada, &id, json!({"webhookSecret": "a secret of the job"})).await;
    assert_eq!(alone.places(), ["/webhookSecret"]);
    let set = json!({"webhookUrl": "https://example.com/a", "webhookSecret": "a secret of the job"});
    let changed = house.patch(&ada, &id, set).await;
    assert_eq!(changed.text("webhookUrl"), "https://example.com/a");
    assert!(!changed.body.to_string().contains("a secret of the job"));
    let sealed = stored().await.unwrap().secret.unwrap();
    assert_eq!(house.bed.seal_key().open(&sealed, &id).unwrap(), "a secret of the job");
    house.patch(&ada, &id, json!({"webhookUrl": "https://example.com/b"})).await;
    assert_eq!(stored().await.unwrap().secret, Some(sealed), "another URL keeps the secret");
    house.patch(&ada, &id, json!({"webhookSecret": null})).await;
    assert_eq!(stored().await.unwrap().secret, None);
    let gone = house.patch(&ada, &id, json!({"webhookUrl": null})).await;
    assert_eq!((&gone.body["webhookUrl"], stored().await), (&Value::Null, None));
    let both = json!({"webhookUrl": null, "webhookSecret": "a secret of the job"});
    assert_eq!(house.patch(&ada, &id, both).await.places(), ["/webhookSecret"]);
}

#[tokio::test]
async fn the_type_and_the_payload_must_fit_each_other_after_the_change() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.created(&ada, json!({"taskName": "x"})).await;
    assert_eq!(house.patch(&ada, &id, json!({"type": "http"})).await.places(), ["/payload/url"]);
    let fits = json!({"type": "http", "payload": {"url": "https://example.com"}});
    assert_eq!(house.patch(&ada, &id, fits).await.status, 200);
    assert_eq!(house.patch(&ada, &id, json!({"parameters": {}})).await.places(), ["/parameters/url"]);
    for (body, place) in [
        (json!({"schedule": {}}), "/schedule/startTime"),
        (json!({"prority": "high"}), "/prority"),
        (json!({"run": true}), "/run"),
    ] {
        assert_eq!(house.patch(&ada, &id, body).await.places(), [place]);
    }
}
