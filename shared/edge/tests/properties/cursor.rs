//! Cursors: what was given out goes on where it stood, and nothing else opens anything.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boot::secrets::Secrets;
use domain::id::UserId;
use edge::Code;
use edge::cursor::{self, Binding};
use http::StatusCode;
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{config, harm, secret, secrets, user};

/// That this text opens nothing, and that the refusal says of which parameter.
fn refused<P: DeserializeOwned>(
    secrets: &Secrets,
    binding: Binding<'_>,
    text: &str,
) -> Result<(), TestCaseError> {
    let Err(problem) = cursor::open::<P>(secrets, binding, text) else {
        return Err(TestCaseError::fail(format!("{text:?} opens")));
    };
    prop_assert_eq!(problem.code().status(), StatusCode::BAD_REQUEST);
    prop_assert_ne!(problem.code(), Code::Internal);
    let places: Vec<_> = problem.faults().iter().map(|fault| fault.pointer.as_str()).collect();
    prop_assert_eq!(places, [cursor::PARAMETER]);
    Ok(())
}

/// The keys of a record, of any text.
fn keys() -> impl Strategy<Value = Vec<String>> {
    let key = prop_oneof!["(JOB|USER)#[0-9a-f]{32}", ".{0,40}", any::<String>(), "[a-z]{1400,1600}"];
    proptest::collection::vec(key, 0..5)
}

/// How lists are named, and texts that lie close to one another.
fn filter() -> impl Strategy<Value = String> {
    prop_oneof!["users", "(runs|deliveries) of job_[0-9a-f]{32}", "[a-c]{0,3}", any::<String>()]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_record_key_comes_back_under_either_secret(
        secrets in secrets(), next in secret(), user in user(), filter in filter(), keys in keys()
    ) {
        let binding = Binding { user, filter: &filter };
        let text = cursor::seal(&secrets, binding, &keys).unwrap();
        prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{text}");
        if text.len() > 2_048 {
            return refused::<Vec<String>>(&secrets, binding, &text);
        }
        let rotated = Secrets::of(next.as_str()).with_previous(secrets.current().expose());
        for secrets in [&secrets, &rotated] {
            prop_assert_eq!(&cursor::open::<Vec<String>>(secrets, binding, &text).unwrap(), &keys);
        }
        prop_assume!(next != secrets.current().expose());
        refused::<Vec<String>>(&Secrets::of(next), binding, &text)?;
    }

    #[test]
    fn one_that_was_changed_opens_nothing(
        secrets in secrets(), user in user(), filter in filter(), keys in keys(), harms in prop::collection::vec(harm(), 8)
    ) {
        let binding = Binding { user, filter: &filter };
        let text = cursor::seal(&secrets, binding, &keys).unwrap();
        for changed in harms.iter().map(|harm| harm.done_to(&text)).filter(|changed| *changed != text) {
            refused::<Vec<String>>(&secrets, binding, &changed)?;
            refused::<Value>(&secrets, binding, &changed)?;
        }
    }

    #[test]
    fn one_of_another_user_or_another_list_opens_nothing(
        secrets in secrets(), users in (user(), user()), filters in (filter(), filter()), keys in keys()
    ) {
        prop_assume!(users.0 != users.1 && filters.0 != filters.1);
        let binding = |user: UserId, filter| Binding { user, filter };
        let text = cursor::seal(&secrets, binding(users.0, &filters.0), &keys).unwrap();
        refused::<Value>(&secrets, binding(users.1, &filters.0), &text)?;
        refused::<Value>(&secrets, binding(users.0, &filters.1), &text)?;
        refused::<Value>(&secrets, binding(users.1, &filters.1), &text)?;
    }

    /// What is between a list's name and a position must not move from one into the other.
    #[test]
    fn the_end_of_a_name_is_not_the_beginning_of_a_position(
        secrets in secrets(), user in user(), name in "[1-9]{1,6}", number in 0u32..1_000
    ) {
        let text = cursor::seal(&secrets, Binding { user, filter: &name }, &number).unwrap();
        let (shorter, digit) = name.split_at(name.len() - 1);
        let longer = format!("{name}{}", number % 10);
        // Whoever moves the border by hand leaves the bytes that were signed as they are.
        let moved = [digit.as_bytes(), &URL_SAFE_NO_PAD.decode(&text).unwrap()].concat();
        refused::<Value>(&secrets, Binding { user, filter: shorter }, &URL_SAFE_NO_PAD.encode(moved))?;
        for filter in [shorter, digit, longer.as_str()].into_iter().filter(|filter| *filter != name) {
            refused::<Value>(&secrets, Binding { user, filter }, &text)?;
        }
    }

    #[test]
    fn what_never_was_one_opens_nothing(
        secrets in secrets(), user in user(), text in prop_oneof![any::<String>(), "[A-Za-z0-9_-]{0,200}", "[A-Za-z0-9+/=]{0,80}"]
    ) {
        refused::<Value>(&secrets, Binding { user, filter: "users" }, &text)?;
    }
}
