//! Messages of the queues: each comes out as it went in, and nothing that comes out is too odd to be looked at.

use domain::endpoint::Told;
use domain::message::{Deliver, JobMessage, Target};
use domain::time::Moment;
use proptest::prelude::*;
use proptest::sample::Index;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{config, json};

/// An id of any kind, as its text tells.
fn id<T: std::str::FromStr<Err: std::fmt::Debug> + std::fmt::Debug>(
    prefix: &'static str,
) -> impl Strategy<Value = T> {
    any::<u128>().prop_map(move |bits| format!("{prefix}{bits:032x}").parse().unwrap())
}

fn count() -> impl Strategy<Value = u32> {
    prop_oneof![3 => 0u32..3, 1 => any::<u32>()]
}

fn moment() -> impl Strategy<Value = Moment> {
    any::<i64>().prop_map(Moment::from_millis)
}

fn job_message() -> impl Strategy<Value = JobMessage> {
    let told = prop::sample::select(vec![Told::Warning, Told::Failing, Told::Gone]);
    let job = || id("job_");
    let run = || id("run_");
    prop_oneof![
        (job(), run(), any::<u64>(), count()).prop_map(|(job_id, run_id, version, rescued)| {
            JobMessage::Run { job_id, run_id, version, rescued }
        }),
        (job(), run(), any::<u64>(), moment(), count()).prop_map(
            |(job_id, run_id, schedule_rev, due_at, rescued)| JobMessage::Fire {
                job_id,
                run_id,
                schedule_rev,
                due_at,
                rescued
            }
        ),
        (job(), run(), count(), count()).prop_map(|(job_id, run_id, round, rescued)| JobMessage::Notice {
            job_id,
            run_id,
            round,
            rescued
        }),
        (id("usr_"), id("end_"), told, moment(), count(), count()).prop_map(
            |(user_id, endpoint_id, told, at, round, rescued)| JobMessage::EndpointNotice {
                user_id,
                endpoint_id,
                told,
                at,
                round,
                rescued
            }
        ),
        (id("usr_"), count()).prop_map(|(user_id, round)| JobMessage::PurgeUser { user_id, round }),
        job().prop_map(|job_id| JobMessage::Purge { job_id }),
    ]
}

fn deliver() -> impl Strategy<Value = Deliver> {
    let target =
        prop_oneof![Just(Target::Job), Just(Target::Deployment), id("end_").prop_map(Target::Endpoint)];
    let ids = (id("msg_"), id("job_"), id("usr_"), id("run_"));
    let rest = (count(), prop::option::of(id("can_")), prop::option::of(moment()));
    (ids, target, any::<String>(), any::<String>(), rest).prop_map(
        |((webhook_id, job_id, user_id, run_id), endpoint_id, url, body, (round, cancel_id, turn))| Deliver {
            webhook_id,
            job_id,
            user_id,
            run_id,
            endpoint_id,
            url,
            body,
            round,
            cancel_id,
            turn,
        },
    )
}

/// That it comes back, and that what a later version adds to it does no harm.
fn comes_back<M>(message: &M, more: &Value) -> Result<(), TestCaseError>
where
    M: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let text = serde_json::to_string(message).unwrap();
    prop_assert_eq!(&serde_json::from_str::<M>(&text).unwrap(), message);
    let mut written: Value = serde_json::from_str(&text).unwrap();
    written["ofALaterVersion"] = more.clone();
    prop_assert_eq!(&serde_json::from_value::<M>(written).unwrap(), message);
    // Of a message that was cut off nothing is left.
    let half: String = text.chars().take(text.chars().count() / 2).collect();
    prop_assert!(serde_json::from_str::<M>(&half).is_err());
    Ok(())
}

/// That with another value for one member, or without it, it is none, or one that differs in that member alone.
fn changes_alone<M: Serialize + DeserializeOwned>(
    message: &M,
    place: Index,
    value: Option<Value>,
) -> Result<(), TestCaseError> {
    let before = serde_json::to_value(message).unwrap();
    let name = place.get(&before.as_object().unwrap().keys().collect::<Vec<_>>()).to_string();
    let mut changed = before.clone();
    match value {
        Some(value) => changed[&name] = value,
        None => drop(changed.as_object_mut().unwrap().remove(&name)),
    }
    let Ok(read) = serde_json::from_value::<M>(changed.clone()) else { return Ok(()) };
    // Without the count it is the first, and so for a cancellation and a turn: all others are needed.
    let may_miss = ["rescued", "round", "cancelId", "turn"].contains(&name.as_str());
    let (mut before, mut after) = (before, serde_json::to_value(&read).unwrap());
    let is_none = changed[&name].is_null() || changed[&name] == 0;
    prop_assert!(changed[&name] == after[&name] || may_miss && is_none, "{changed}");
    prop_assert!(may_miss || !changed[&name].is_null(), "{changed}");
    for whole in [&mut before, &mut after] {
        whole.as_object_mut().unwrap().remove(&name);
    }
    prop_assert_eq!(before, after, "{} changed more than itself", name);
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_message_comes_out_as_it_went_in(job in job_message(), deliver in deliver(), more in json()) {
        comes_back(&job, &more)?;
        comes_back(&deliver, &more)?;
        // The signature is of these bytes: not one of them may change on the way.
        let text = serde_json::to_string(&deliver).unwrap();
        prop_assert_eq!(serde_json::from_str::<Deliver>(&text).unwrap().body.into_bytes(), deliver.body.into_bytes());
    }

    #[test]
    fn one_member_says_nothing_of_the_others(
        job in job_message(), deliver in deliver(), place in any::<Index>(), value in prop::option::of(json())
    ) {
        changes_alone(&job, place, value.clone())?;
        changes_alone(&deliver, place, value)?;
    }

    #[test]
    fn whatever_lies_in_a_queue_is_read_or_refused(
        value in json(), bytes in prop::collection::vec(any::<u8>(), 0..200), text in any::<String>(),
        kind in prop::sample::select(vec!["run", "fire", "notice", "endpointNotice", "purgeUser", "purge", "explode"])
    ) {
        let mut tagged = value.clone();
        if let Some(members) = tagged.as_object_mut() {
            members.insert("kind".to_owned(), kind.into());
        }
        for text in [value.to_string(), tagged.to_string(), text, String::from_utf8_lossy(&bytes).into_owned()] {
            // None of these has what any message needs.
            prop_assert!(serde_json::from_str::<JobMessage>(&text).is_err(), "{text}");
            prop_assert!(serde_json::from_str::<Deliver>(&text).is_err(), "{text}");
        }
        prop_assert!(serde_json::from_slice::<JobMessage>(&bytes).is_err());
        prop_assert!(serde_json::from_slice::<Deliver>(&bytes).is_err());
    }

    #[test]
    fn a_message_of_one_queue_is_none_of_the_other(job in job_message(), deliver in deliver()) {
        prop_assert!(serde_json::from_str::<Deliver>(&serde_json::to_string(&job).unwrap()).is_err());
        prop_assert!(serde_json::from_str::<JobMessage>(&serde_json::to_string(&deliver).unwrap()).is_err());
    }

    #[test]
    fn a_target_is_its_text(target in prop_oneof!["(?i:job)|deployment", "(end|job)_[0-9a-fA-F]{32}", "end_[0-9a-f]{32}", any::<String>()]) {
        if let Ok(read) = target.parse::<Target>() {
            prop_assert_eq!(read.to_string(), target);
        } else {
            prop_assert!(target != "job" && target != "deployment");
            prop_assert!(!target.starts_with("end_") || target.contains(|c: char| c.is_ascii_uppercase()));
        }
    }
}
