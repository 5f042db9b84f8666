//! Schedules that nobody means: deep, huge, of odd types, and at the ends of time.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::deployed::Deployment;
use crate::house::{Api, Reply};

/// How long the worst of them may keep the service busy.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends a text as JSON.
pub(crate) async fn send(api: &Api, method: Method, path: &str, token: &str, body: String) -> Reply {
    let request = api.request(method, path).bearer_auth(token).header("content-type", "application/json");
    let reply = timeout(PATIENCE, Reply::to(request.body(body.clone()))).await;
    let what = format!("{path} {body:.200}");
    reply.unwrap_or_else(|_| panic!("{what} takes too long")).unwrap()
}

/// Everything that takes a schedule refuses this one, at this place in it.
async fn refused(api: &Api, token: &str, job: &str, schedule: &str, place: &str) {
    let change = format!("/jobs/{job}");
    let wrapped = format!("{{\"taskName\":\"a\",\"schedule\":{schedule}}}");
    let place = format!("/schedule{place}");
    for (method, path, body) in [
        (Method::POST, "/jobs", wrapped.clone()),
        (Method::PATCH, change.as_str(), wrapped.clone()),
        (Method::PUT, change.as_str(), wrapped),
        (Method::POST, "/schedules/preview", format!("{{\"schedule\":{schedule}}}")),
    ] {
        let reply = send(api, method.clone(), path, token, body).await;
        let what = format!("{method} {path} {schedule:.150}");
        assert_eq!(reply.problem(400, &what), Some(place.as_str()), "{what}: {}", reply.json);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_schedule_is_refused_at_its_place() {
    let house = Deployment::new().await;
    let api = &house.api;
    let ada = api.person("ada").await;
    let token = api.key(&ada.token, &["read", "write"]).await.text;
    let job = api.job(&token, json!({ "taskName": "a" })).await;
    let recurrence = |member: &str, value: &str| format!("{{\"recurrence\":{{\"{member}\":{value}}}}}");
    let runs = |value: &str| format!("{{\"recurrence\":{{\"interval\":\"daily\",\"maxRuns\":{value}}}}}");
    let once = |value: &str| format!("{{\"startTime\":{value}}}");
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let mut cases = vec![
        // Of odd types, and too much of them.
        ("7".to_owned(), ""),
        ("\"daily\"".to_owned(), ""),
        ("[]".to_owned(), ""),
        ("true".to_owned(), ""),
        (deep(1_000), ""),
        (deep(100_000), ""),
        (once(&deep(50)), "/startTime"),
        (format!("{{\"recurrence\":{}}}", deep(100)), "/recurrence"),
        (runs(&"9".repeat(1_000_000)), ""),
        (recurrence("cron", &format!("\"{}\"", "*".repeat(900_000))), ""),
        ("{}".to_owned(), "/startTime"),
        ("{\"type\":\"sometimes\"}".to_owned(), "/type"),
        ("{\"type\":\"recurring\"}".to_owned(), "/recurrence"),
        ("{\"recurrence\":{}}".to_owned(), "/recurrence"),
        ("{\"recurrence\":{\"cron\":\"* * * * *\",\"interval\":\"daily\"}}".to_owned(), "/recurrence"),
        ("{\"startTime\":\"2099-01-01T00:00:00Z\",\"missed\":\"never\"}".to_owned(), "/missed"),
        ("{\"startTime\":\"2099-01-01T00:00:00Z\",\"paused\":\"yes\"}".to_owned(), "/paused"),
        ("{\"startTime\":\"2099-01-01T00:00:00Z\",\"a/b~c\":1}".to_owned(), "/a~1b~0c"),
    ];
    for value in ["0", "-1", "1.5", "1e400", "1e300", "\"7\"", "true", "[]", "{}", "4294967296"] {
        // What is no number of JSON makes the whole no JSON.
        cases.push((runs(value), if value == "1e400" { "" } else { "/recurrence/maxRuns" }));
    }
    cases.push((runs(&"9".repeat(300)), "/recurrence/maxRuns"));
    for text in [
        "",
        " ",
        "*",
        "* * * *",
        "* * * * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * * 8",
        "*/0 * * * *",
        "-1 * * * *",
        "99999999999999999999 * * * *",
        "1- * * * *",
        ", * * * *",
        "a b c d e",
        "0 0 30 2 *",
        "0 0 31 4,6,9,11 *",
        "\\u0661 * * * *",
        "* * * * *\\u0000",
        "@reboot",
        "'; DROP TABLE jobs; --",
    ] {
        cases.push((recurrence("cron", &format!("\"{text}\"")), "/recurrence/cron"));
    }
    for text in [
        "",
        "P",
        "PT",
        "P0D",
        "PT0S",
        "-PT1H",
        "PT0.5S",
        "P1.5M",
        "PT1e9S",
        "P99999999999999999999Y",
        "PT-1H",
        "1 day",
        "fortnightly",
        "PT1H1H",
        "P1H",
        "PT1D",
        "P1D\\u0000",
        "PT999999999999999999H",
    ] {
        cases.push((recurrence("interval", &format!("\"{text}\"")), "/recurrence/interval"));
    }
    for text in [
        "",
        "Mars/Olympus",
        "../../etc/localtime",
        "/etc/localtime",
        "UTC+25:00",
        "Europe/Berlin\\u0000",
        "Europe\\\\Berlin",
        "\\ud83d\\ude00",
        "+99:99",
    ] {
        let schedule = format!("{{\"recurrence\":{{\"cron\":\"* * * * *\",\"timezone\":\"{text}\"}}}}");
        cases.push((schedule, "/recurrence/timezone"));
    }
    for text in [
        "",
        "now",
        "2026",
        "2026-02-30T00:00:00Z",
        "2026-01-01T25:00:00Z",
        "10000-01-01T00:00:00Z",
        "99999999-01-01T00:00:00Z",
        "2026-01-01",
        "1772323200",
        "2026-01-01T00:00:00+99:99",
        "0x7f",
        "9999-12-31T23:59:59-23:59",
    ] {
        cases.push((once(&format!("\"{text}\"")), "/startTime"));
        let ends = format!("{{\"recurrence\":{{\"interval\":\"daily\",\"endTime\":\"{text}\"}}}}");
        cases.push((ends, "/recurrence/endTime"));
    }
    let over = "{\"recurrence\":{\"interval\":\"PT1S\",\"endTime\":\"0000-01-01T00:00:00Z\"}}";
    cases.push((over.to_owned(), "/recurrence/endTime"));
    for (schedule, place) in cases {
        refused(api, &token, &job, &schedule, place).await;
    }
    let stands = api.get(&format!("/jobs/{job}"), &token).await.json;
    assert_eq!((&stands["schedule"], &stands["version"]), (&Value::Null, &json!(1)));
}

/// What a preview says is either a list of moments to come, in order, or a fault in the schedule.
pub(crate) fn holds(reply: &Reply, count: usize, what: &str) {
    if reply.status != 200 {
        let place = reply.problem(400, what);
        assert!(place.is_some_and(|place| place.starts_with("/schedule")), "{what}: {}", reply.json);
        return;
    }
    let list = reply.json["occurrences"].as_array().unwrap();
    assert!((1..=count).contains(&list.len()), "{what}: {}", reply.json);
    let times: Vec<jiff::Timestamp> =
        list.iter().map(|one| one["utc"].as_str().unwrap().parse().unwrap()).collect();
    assert!(times.is_sorted_by(|one, next| one < next), "{what}: {}", reply.json);
    for (one, time) in list.iter().zip(times) {
        let local: jiff::Zoned = one["local"].as_str().unwrap().parse().unwrap();
        assert_eq!(local.timestamp().as_second(), time.as_second(), "{what}: {}", reply.json);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ends_of_time_and_the_rarest_days() {
    let house = Deployment::new().await;
    let api = &house.api;
    let ada = api.person("ada").await;
    let token = api.key(&ada.token, &["read"]).await.text;
    for schedule in [
        json!({ "startTime": "0000-01-01T00:00:00Z" }),
        json!({ "startTime": "-9999-01-01T00:00:00Z" }),
        json!({ "startTime": "9999-12-31T23:59:59Z" }),
        json!({ "startTime": "9999-12-30T22:00:00.999999999Z" }),
        json!({ "startTime": "9999-12-31T23:59:59", "timezone": "Pacific/Kiritimati" }),
        json!({ "startTime": "9999-12-31T23:59:59", "timezone": "Pacific/Pago_Pago" }),
        json!({ "startTime": "2026-12-31T23:59:60Z" }),
        json!({ "startTime": "0000-01-01T00:00:00Z", "recurrence": { "interval": "PT1S" } }),
        json!({ "startTime": "0000-01-01T00:00:00Z", "recurrence": { "interval": "minutely" } }),
        json!({ "startTime": "0000-02-29T00:00:00Z", "recurrence": { "interval": "yearly" } }),
        json!({ "startTime": "9999-12-31T23:59:59Z", "recurrence": { "interval": "yearly" } }),
        json!({ "startTime": "9999-12-31T00:00:00Z", "recurrence": { "interval": "PT1S" } }),
        json!({ "startTime": "9999-12-30T00:00:00Z", "recurrence": { "cron": "* * * * * *" } }),
        json!({ "startTime": "9999-12-30T00:00:00Z",
            "recurrence": { "cron": "* * * * *", "timezone": "Pacific/Kiritimati" } }),
        json!({ "recurrence": { "interval": "P7000Y" } }),
        json!({ "recurrence": { "interval": "P9999Y" } }),
        json!({ "recurrence": { "interval": "P19998Y11M" } }),
        json!({ "recurrence": { "interval": "PT100000000H" } }),
        json!({ "recurrence": { "interval": "P1Y2M3W4DT5H6M7S" } }),
        json!({ "recurrence": { "cron": "0 0 29 2 1" } }),
        json!({ "recurrence": { "cron": "59 59 23 29 2 *", "timezone": "Australia/Lord_Howe" } }),
        json!({ "recurrence": { "cron": "0 0 29 2 *", "endTime": "9999-12-31T00:00:00Z" } }),
        json!({ "recurrence": { "cron": "0 0 * * 5#5", "timezone": "Asia/Kolkata" } }),
        json!({ "recurrence": { "cron": "0 0 L * *" } }),
        json!({ "recurrence": { "cron": "0-59/59,1,2,3 */23 1-31/30 JAN-DEC SUN-SAT" } }),
        json!({ "recurrence": { "cron": format!("{} * * * *", vec!["7"; 600].join(",")) } }),
        json!({ "recurrence": { "interval": "daily", "maxRuns": u32::MAX, "endTime": "9999-12-31T23:59:59Z" } }),
        json!({ "recurrence": { "interval": "daily", "timezone": "posixrules" } }),
        json!({ "recurrence": { "interval": "daily", "timezone": "EST5EDT" } }),
        json!({ "recurrence": { "interval": "daily", "timezone": "etc/gmt+12" } }),
    ] {
        for count in [1, 100] {
            let body = json!({ "schedule": schedule, "count": count });
            let reply = send(api, Method::POST, "/schedules/preview", &token, body.to_string()).await;
            holds(&reply, count, &schedule.to_string());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_and_timeouts_that_are_none() {
    let house = Deployment::new().await;
    let api = &house.api;
    let ada = api.person("ada").await;
    let token = api.key(&ada.token, &["read", "write"]).await.text;
    let change = format!("/jobs/{}", api.job(&token, json!({ "taskName": "a" })).await);
    let digits = "9".repeat(1_000_000);
    for value in
        ["0", "-1", "1.5", "101", "1e300", "\"5\"", "true", "[]", "{}", "18446744073709551616", &digits]
    {
        let preview =
            format!("{{\"schedule\":{{\"startTime\":\"2099-01-01T00:00:00Z\"}},\"count\":{value}}}");
        let reply = send(api, Method::POST, "/schedules/preview", &token, preview).await;
        assert_eq!(reply.problem(400, "count"), Some("/count"), "{value:.30}: {}", reply.json);
        for (method, path) in [(Method::POST, "/jobs"), (Method::PATCH, change.as_str())] {
            let body = format!("{{\"taskName\":\"a\",\"timeoutSeconds\":{value}}}");
            let reply = send(api, method, path, &token, body).await;
            assert_eq!(reply.problem(400, "timeout"), Some("/timeoutSeconds"), "{value:.30}: {}", reply.json);
        }
    }
    for (value, kept) in [(json!(1), 1), (json!(50), 50), (Value::Null, 50)] {
        let made = api.post("/jobs", &token, json!({ "taskName": "a", "timeoutSeconds": value })).await;
        assert_eq!((made.status.as_u16(), &made.json["timeoutSeconds"]), (201, &json!(kept)), "{made:?}");
    }
}
