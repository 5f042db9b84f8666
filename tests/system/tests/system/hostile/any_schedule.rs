//! Schedules by chance.

use http::Method;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::strategy::BoxedStrategy;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::deployed::hostile::schedules::{holds, send};
use crate::house::House;

/// Values of any type, among them those that some member takes.
fn odd() -> BoxedStrategy<Value> {
    let known = [
        "daily",
        "PT90M",
        "P1M",
        "one-time",
        "recurring",
        "* * * * *",
        "UTC",
        "Europe/Berlin",
        "skip",
        "backfill",
        "2026-03-01T00:00:00Z",
        "2099-01-01T00:00",
        "9999-12-31T23:59:59Z",
        "0000-01-01T00:00:00Z",
    ];
    prop_oneof![
        5 => proptest::sample::select(known.to_vec()).prop_map(|text| json!(text)),
        1 => any::<i64>().prop_map(|number| json!(number)),
        1 => (0_u32..10).prop_map(|number| json!(number)),
        1 => any::<f64>().prop_map(|number| json!(number)),
        1 => any::<bool>().prop_map(|flag| json!(flag)),
        1 => any::<String>().prop_map(|text| json!(text)),
        1 => Just(Value::Null),
        1 => Just(json!([])),
        1 => Just(json!({ "a": {} })),
    ]
    .boxed()
}

/// Objects of these members and now and then another one.
fn members(names: &'static [&'static str]) -> BoxedStrategy<Value> {
    let member = (proptest::sample::select(names), odd());
    proptest::collection::vec(member, 0..5)
        .prop_map(|all| all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
        .boxed()
}

fn schedule() -> BoxedStrategy<Value> {
    let field = prop_oneof![
        4 => proptest::sample::select(vec!["*", "*/5", "0", "7", "1-5", "2,9", "L", "5#3", "15W", "?", "MON", "FEB"])
            .prop_map(str::to_owned),
        1 => "[0-9*,/LW#?A-Z-]{1,6}",
    ];
    let cron = prop_oneof![
        4 => proptest::collection::vec(field, 4..8).prop_map(|fields| fields.join(" ")),
        1 => "[ -~]{0,30}",
    ];
    let cron = cron.prop_map(|text| json!({ "recurrence": { "cron": text } }));
    let duration = "-?P[0-9]{0,6}[YMWD]{0,2}T?[0-9]{0,12}[HMS.]{0,2}";
    let duration = duration.prop_map(|text| json!({ "recurrence": { "interval": text } }));
    let outer = members(&["type", "startTime", "timezone", "missed", "paused", "recurrence", "other"]);
    let inner = members(&["interval", "cron", "timezone", "endTime", "maxRuns", "occurrences", "other"]);
    let whole = (outer, inner).prop_map(|(mut outer, inner)| {
        outer["recurrence"] = inner;
        outer
    });
    prop_oneof![cron, duration, whole].boxed()
}

#[test]
fn whatever_a_schedule_is_it_has_times_or_a_fault_with_its_place() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (house, token) = runtime.block_on(async {
        let house = House::new().await;
        let ada = house.api.person("ada").await;
        let token = house.api.key(&ada.token, &["read"]).await.text;
        (house, token)
    });
    let config = Config { cases: 1_000, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&schedule(), |schedule| {
            runtime.block_on(async {
                let body = json!({ "schedule": schedule, "count": 20 });
                let path = "/schedules/preview";
                let reply = send(&house.api, Method::POST, path, &token, body.to_string()).await;
                holds(&reply, 20, &schedule.to_string());
            });
            Ok(())
        })
        .unwrap();
}
