//! Whatever stands where a schedule should: it has occurrences, or a fault that names the place.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;

/// The members that there are, by the place of the fault that a wrong one gets.
const MEMBERS: [&str; 11] = [
    "/type",
    "/startTime",
    "/timezone",
    "/missed",
    "/paused",
    "/recurrence",
    "/recurrence/interval",
    "/recurrence/cron",
    "/recurrence/timezone",
    "/recurrence/endTime",
    "/recurrence/maxRuns",
];

/// Values that no member takes.
fn wrong() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<f64>().prop_map(|number| json!(number + 0.5)).prop_filter("a number", |value| !value.is_null()),
        (i64::MIN..=0).prop_map(|number| json!(number)),
        (u64::from(u32::MAX) + 1..).prop_map(|number| json!(number)),
        prop::collection::vec(any::<u8>(), 0..3).prop_map(|items| json!(items)),
        "[a-z]{0,8}[\\PC]{0,6}!".prop_map(|text| json!(text)),
        Just(json!("")),
    ]
}

fn any_json() -> impl Strategy<Value = Value> {
    let known = select(vec![
        "daily",
        "PT1S",
        "P1M",
        "P9999Y",
        "PT0S",
        "* * * * *",
        "0 0 29 2 MON#5",
        "0 0 31W * *",
        "@yearly",
        "once",
        "recurring",
        "UTC",
        "America/Nuuk",
        "skip",
        "9999-12-30T21:59:59Z",
        "-009999-01-02T01:59:59Z",
        "2026-03-29T02:30",
        "1970-01-01T00:00:00Z",
    ]);
    let leaf = prop_oneof![
        4 => known.prop_map(|text| json!(text)),
        1 => wrong(),
        1 => any::<bool>().prop_map(|flag| json!(flag)),
        1 => any::<u32>().prop_map(|number| json!(number)),
        1 => any::<String>().prop_map(|text| json!(text)),
        1 => "-?P[0-9]{0,19}[YMWD]?T?[0-9]{0,19}[HMS.]?".prop_map(|text| json!(text)),
        1 => "([0-9*,/#LW?+@-]{1,4} ){4,5}[0-9*,#LMONSU+-]{1,4}".prop_map(|text| json!(text)),
        1 => Just(Value::Null),
    ];
    let names = MEMBERS.map(|place| place.rsplit('/').next().unwrap()).to_vec();
    leaf.prop_recursive(2, 12, 6, move |inner| {
        let name = prop_oneof![8 => select(names.clone()).prop_map(str::to_owned), 1 => any::<String>()];
        prop::collection::vec((name, inner), 0..6).prop_map(|all| Value::Object(all.into_iter().collect()))
    })
}

/// The value at that place, where `~1` and `~0` stand for a slash and a tilde.
fn is_there(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).is_some()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn it_is_read_or_refused_with_its_place(value in any_json(), asked in any::<i64>(), read_at in any::<i64>()) {
        let now = [now(), Moment::from_millis(read_at), Moment::from_millis(asked)];
        for now in now {
            let schedule = match Schedule::parse(&value, "/schedule", now) {
                Ok(schedule) => schedule,
                Err(faults) => {
                    prop_assert!(!faults.is_empty());
                    for fault in faults {
                        let place = fault.pointer.strip_prefix("/schedule");
                        let place = place.ok_or_else(|| TestCaseError::fail(fault.pointer.clone()))?;
                        // A member that is there, or one that is missing.
                        let is_missing = ["/recurrence", "/startTime", "/recurrence/endTime"].contains(&place);
                        prop_assert!(is_missing || is_there(&value, place), "{fault:?} of {value}");
                        prop_assert!(!fault.message.is_empty());
                    }
                    continue;
                }
            };
            let far = [i64::MIN, asked, i64::MAX].map(Moment::from_millis);
            for moment in far {
                prop_assert!(schedule.after(moment).is_none_or(|next| next > moment));
                prop_assert!(schedule.latest(moment).is_none_or(|last| last <= moment));
                prop_assert!(schedule.upcoming(moment, 3).is_sorted_by(|one, other| one < other));
                prop_assert!(!schedule.local(moment).is_empty());
            }
            let written = serde_json::to_value(&schedule).unwrap();
            prop_assert_eq!(&serde_json::from_value::<Schedule>(written.clone()).unwrap(), &schedule, "{}", written);
        }
    }

    #[test]
    fn the_fault_of_a_wrong_member_is_at_that_member(
        place in any::<Index>(), value in wrong(), interval in any::<bool>()
    ) {
        let mut body = json!({
            "type": "recurring", "startTime": "2026-02-01T00:00:00Z", "timezone": "Europe/Berlin", "missed": "skip", "paused": false,
            "recurrence": { "timezone": "Europe/Berlin", "endTime": "2036-02-01T00:00:00Z", "maxRuns": 3 }
        });
        let rule = if interval { ("interval", "daily") } else { ("cron", "@daily") };
        body["recurrence"][rule.0] = json!(rule.1);
        prop_assert!(Schedule::parse(&body, "/schedule", now()).is_ok());
        let place = *place.get(&MEMBERS);
        prop_assume!(body.pointer(place).is_some());
        *body.pointer_mut(place).unwrap() = value;
        let faults = Schedule::parse(&body, "/schedule", now()).unwrap_err();
        let places: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        prop_assert_eq!(places, [format!("/schedule{place}")], "{}", body);
    }
}
