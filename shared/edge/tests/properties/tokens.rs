//! Session tokens and API keys: only what was issued is believed, and only while it lives.

use std::sync::Arc;

use boot::Ambient;
use boot::secrets::Secrets;
use domain::api_key::KeyText;
use domain::time::Moment;
use domain::user::{Role, User};
use edge::tokens::{self, AUDIENCE, ISSUER, LEEWAY, LIFETIME, Untrusted};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{Still, config, harm, secret, secrets, user};

fn moment() -> impl Strategy<Value = Moment> {
    (0i64..4_102_444_800_000).prop_map(Moment::from_millis)
}

fn still(now: Moment) -> Ambient {
    let still = Still { now, fill: 7 };
    Ambient { clock: Arc::new(still), entropy: Arc::new(still) }
}

fn owner(id: domain::id::UserId, generation: Option<Moment>) -> User {
    User {
        tokens_valid_after: generation,
        ..serde_json::from_value(json!({
            "id": id, "name": "ada", "email": "ada@example.com", "passwordHash": "", "role": Role::User, "createdAt": 0,
            "version": 1
        }))
        .unwrap()
    }
}

fn part(bytes: &[u8]) -> String {
    let text = domain::signature::to_base64(bytes);
    text.replace('+', "-").replace('/', "_").replace('=', "")
}

fn header(secrets: &Secrets, algorithm: Algorithm) -> Header {
    Header { kid: Some(secrets.current().kid().to_owned()), ..Header::new(algorithm) }
}

fn claims(user: domain::id::UserId, now: Moment) -> Value {
    let seconds = now.as_millis() / 1_000;
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": user, "jti": "a", "iat": seconds, "exp": seconds + 3_600 })
}

fn signed(header: &Header, claims: &Value, secret: &Secrets) -> String {
    encode(header, claims, &EncodingKey::from_secret(secret.current().expose().as_bytes())).unwrap()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_issued_is_believed_as_long_as_it_lives(
        secrets in secrets(), next in secret(), id in user(), generation in prop::option::of(moment()),
        now in moment(), later in 0i64..7_200_000
    ) {
        let issued = tokens::issue_to(&secrets, &owner(id, generation), &still(now)).unwrap();
        let then = Moment::from_millis(now.as_millis() + later);
        let told = tokens::verify(&secrets, &issued.token, then);
        // A token lives for an hour from the whole second in which it was issued, and some seconds more.
        let age = then.as_millis() - now.as_millis() / 1_000 * 1_000;
        if age < i64::try_from((LIFETIME + LEEWAY).as_millis()).unwrap() {
            let claims = told.unwrap();
            prop_assert_eq!((claims.user, claims.generation), (id, generation));
            prop_assert_eq!(claims, issued.claims);
        } else {
            prop_assert_eq!(told, Err(Untrusted::Expired));
        }
        let rotated = Secrets::of(next.as_str()).with_previous(secrets.current().expose());
        prop_assert!(tokens::verify(&rotated, &issued.token, now).is_ok());
        prop_assume!(next != secrets.current().expose());
        prop_assert_eq!(tokens::verify(&Secrets::of(next), &issued.token, now), Err(Untrusted::UnknownKey));
    }

    #[test]
    fn one_that_was_changed_anywhere_is_not_believed(
        secrets in secrets(), id in user(), now in moment(), harms in prop::collection::vec(harm(), 16)
    ) {
        let token = tokens::issue(&secrets, id, &still(now)).unwrap().token;
        for changed in harms.iter().map(|harm| harm.done_to(&token)).filter(|changed| *changed != token) {
            prop_assert!(tokens::verify(&secrets, &changed, now).is_err(), "{changed:?}");
        }
    }

    #[test]
    fn parts_of_two_tokens_make_none(
        secrets in secrets(), other in secrets(), ids in (user(), user()), now in moment(), which in 1usize..7
    ) {
        prop_assume!(ids.0 != ids.1 && secrets.current().expose() != other.current().expose());
        let first = tokens::issue(&secrets, ids.0, &still(now)).unwrap().token;
        for second in [
            tokens::issue(&secrets, ids.1, &still(now)).unwrap().token,
            tokens::issue(&other, ids.0, &still(now)).unwrap().token,
        ] {
            let parts = first.split('.').zip(second.split('.')).enumerate();
            let mixed = parts.map(|(place, (ours, theirs))| if which >> place & 1 == 0 { ours } else { theirs });
            let mixed = mixed.collect::<Vec<_>>().join(".");
            // Where the parts are the same it is one of the two as it was.
            let whole = mixed == first || mixed == second;
            prop_assert!(whole || tokens::verify(&secrets, &mixed, now).is_err(), "{mixed}");
        }
    }

    #[test]
    fn no_other_algorithm_and_none_at_all_will_do(
        secrets in secrets(), id in user(), now in moment(), alg in prop_oneof!["none|None|NONE|hs256|HS257|", any::<String>()],
        algorithm in prop::sample::select(vec![Algorithm::HS384, Algorithm::HS512]), signature in prop::collection::vec(any::<u8>(), 0..70)
    ) {
        let claims = claims(id, now);
        prop_assert!(tokens::verify(&secrets, &signed(&header(&secrets, Algorithm::HS256), &claims, &secrets), now).is_ok());
        let other = signed(&header(&secrets, algorithm), &claims, &secrets);
        prop_assert_eq!(tokens::verify(&secrets, &other, now), Err(Untrusted::Malformed));
        prop_assume!(alg != "HS256");
        // The right signature of a header that names another algorithm is no better than any other.
        let right = signed(&header(&secrets, Algorithm::HS256), &claims, &secrets);
        let right = right.rsplit_once('.').unwrap().1;
        let header = json!({ "alg": alg, "typ": "JWT", "kid": secrets.current().kid() }).to_string();
        for signature in [String::new(), part(&signature), right.to_owned()] {
            let token = format!("{}.{}.{signature}", part(header.as_bytes()), part(claims.to_string().as_bytes()));
            prop_assert!(tokens::verify(&secrets, &token, now).is_err(), "{header}");
        }
    }

    #[test]
    fn one_that_says_anything_else_is_not_believed_though_we_signed_it(
        secrets in secrets(), id in user(), now in moment(), value in odd(),
        member in prop::sample::select(vec!["iss", "aud", "sub", "exp", "iat", "jti"])
    ) {
        let mut changed = claims(id, now);
        changed[member] = value.clone();
        let token = signed(&header(&secrets, Algorithm::HS256), &changed, &secrets);
        let told = tokens::verify(&secrets, &token, now);
        match (member, value.as_str(), value.as_i64()) {
            ("jti", Some(jti), _) => prop_assert_eq!(told.unwrap().jti, jti),
            ("exp", _, Some(exp)) if exp.saturating_mul(1_000).saturating_add(5_000) > now.as_millis() => prop_assert!(told.is_ok()),
            ("iat", _, Some(iat)) if iat.saturating_mul(1_000) <= now.as_millis() + 60_000 => prop_assert!(told.is_ok()),
            _ => prop_assert!(told.is_err(), "{changed}"),
        }
        let named = Header { kid: value.as_str().map(str::to_owned), ..Header::new(Algorithm::HS256) };
        let token = signed(&named, &claims(id, now), &secrets);
        let refused = tokens::verify(&secrets, &token, now).unwrap_err();
        prop_assert_eq!(refused, if value.is_string() { Untrusted::UnknownKey } else { Untrusted::Malformed });
    }

    #[test]
    fn no_text_is_too_odd_to_be_refused(
        secrets in secrets(), now in moment(), text in prop_oneof![any::<String>(), "[A-Za-z0-9_.-]{0,300}", "(\\.|[A-Za-z0-9_-]{0,40}){0,6}"],
        header in odd(), claims in odd(), signature in any::<[u8; 32]>()
    ) {
        prop_assert!(tokens::verify(&secrets, &text, now).is_err());
        let made = [header.to_string(), claims.to_string()].map(|json| part(json.as_bytes()));
        let made = format!("{}.{}.{}", made[0], made[1], part(&signature));
        prop_assert!(tokens::verify(&secrets, &made, now).is_err());
    }

    #[test]
    fn a_key_that_was_changed_is_another_or_none(fill in any::<u8>(), harms in prop::collection::vec(harm(), 16)) {
        let key = KeyText::fresh(&Still { now: Moment::from_millis(0), fill });
        let text = key.expose().to_owned();
        prop_assert!(KeyText::parse(&text).is_some_and(|read| read == key));
        for changed in harms.iter().map(|harm| harm.done_to(&text)).filter(|changed| *changed != text) {
            // Its record is found by the digest: no other text may lead to the same.
            let other = KeyText::parse(&changed);
            prop_assert!(other.is_none_or(|other| other.digest() != key.digest() && other != key), "{changed}");
        }
    }

    #[test]
    fn a_text_that_is_a_key_has_one_spelling(text in prop_oneof!["njk_[A-Za-z0-9_-]{43}", "[ nN]?njk_[A-Za-z0-9_-]{43}[ =]?", "njk_.{0,50}", any::<String>()]) {
        if let Some(key) = KeyText::parse(&text) {
            prop_assert_eq!(key.expose(), &text);
            prop_assert_eq!((text.len(), key.digest().len()), (47, 64));
            let printed = format!("{key:?}");
            prop_assert!(!printed.contains(&text));
        }
    }
}

/// Values of any type, none of them right for long.
fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<String>().prop_map(Value::from),
        "[a-z]{1,12}".prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-100i64..5_000_000_000).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        prop::collection::vec("[a-z]{0,8}", 0..3).prop_map(Value::from),
        Just(json!({ "a": 1 })),
    ]
}
