//! Signatures of webhooks: a receiver with the secret believes what was sent, and nothing that differs by a bit.

use domain::signature::{
    SECRET_PREFIX, TOLERANCE_SECONDS, hex_of_body, standard, to_base64, verify_hex, verify_standard,
};
use domain::time::Moment;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::config;

/// The raw key of a secret, as long as those that are made here and by others.
fn key() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 24..=64)
}

fn secret(key: &[u8]) -> String {
    format!("{SECRET_PREFIX}{}", to_base64(key))
}

/// A secret of the standard's form, or a text from a system that knew none.
fn any_secret() -> impl Strategy<Value = String> {
    prop_oneof![key().prop_map(|key| secret(&key)), "[!-~]{1,80}", any::<String>()]
}

fn flipped(bytes: &[u8], place: Index) -> Vec<u8> {
    let place = place.index(bytes.len() * 8);
    let mut bytes = bytes.to_vec();
    bytes[place / 8] ^= 1 << (place % 8);
    bytes
}

/// A text of ASCII with one bit of a character turned, that is ASCII still.
fn flipped_text(text: &str, place: Index) -> String {
    let place = place.index(text.len() * 7);
    let mut bytes = text.as_bytes().to_vec();
    bytes[place / 7] ^= 1 << (place % 7);
    String::from_utf8(bytes).unwrap()
}

fn at(second: i64) -> Moment {
    Moment::from_millis(second * 1_000)
}

const SECONDS: std::ops::Range<i64> = 0..4_000_000_000;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_signed_is_believed_within_the_tolerance_and_not_beyond(
        secret in any_secret(), id in "msg_[0-9a-f]{32}", sent in SECONDS, body in vec(any::<u8>(), 0..300), late in prop_oneof![-400i64..400, -301i64..=-299, 299i64..=301]
    ) {
        let header = standard(std::slice::from_ref(&secret), &id, sent, &body);
        let believed = verify_standard(&[secret], &id, &sent.to_string(), &header, &body, at(sent + late));
        prop_assert_eq!(believed, late.abs() <= TOLERANCE_SECONDS);
    }

    #[test]
    fn the_official_library_signs_so_too(
        key in key(), id in "msg_[0-9a-f]{32}", sent in SECONDS, body in any::<String>()
    ) {
        let secret = secret(&key);
        let theirs = standardwebhooks::Webhook::new(&secret).unwrap().sign(&id, sent, body.as_bytes()).unwrap();
        prop_assert_eq!(standard(&[secret], &id, sent, body.as_bytes()), theirs);
    }

    #[test]
    fn one_bit_makes_it_another(
        key in key(), id in "msg_[0-9a-f]{32}", sent in SECONDS, body in vec(any::<u8>(), 1..300), place in any::<Index>()
    ) {
        let secrets = [secret(&key)];
        let (header, timestamp) = (standard(&secrets, &id, sent, &body), sent.to_string());
        let believes = |secrets: &[String], id: &str, timestamp: &str, header: &str, body: &[u8]| {
            // The receiver's clock agrees with whatever is claimed, so that nothing is refused for its age.
            let now = timestamp.parse().unwrap_or(sent).clamp(0, i64::MAX / 1_000);
            verify_standard(secrets, id, timestamp, header, body, at(now))
        };
        prop_assert!(believes(&secrets, &id, &timestamp, &header, &body));
        prop_assert!(!believes(&[secret(&flipped(&key, place))], &id, &timestamp, &header, &body), "the secret");
        prop_assert!(!believes(&secrets, &flipped_text(&id, place), &timestamp, &header, &body), "the id");
        prop_assert!(!believes(&secrets, &id, &flipped_text(&timestamp, place), &header, &body), "the time");
        prop_assert!(!believes(&secrets, &id, &timestamp, &flipped_text(&header, place), &body), "the header");
        prop_assert!(!believes(&secrets, &id, &timestamp, &header, &flipped(&body, place)), "the body");
        prop_assert!(!believes(&secrets, &id, &timestamp, &header, &body[1..]), "the first byte is lost");
        prop_assert!(!believes(&secrets, &id, &timestamp, &header[..header.len() - 1], &body), "the header is cut");
    }

    /// The dots between the parts do not let one part's end be the other's beginning.
    #[test]
    fn a_part_does_not_move_into_its_neighbour(key in key(), sent in 10i64..4_000_000_000, body in vec(any::<u8>(), 0..40)) {
        let secrets = [secret(&key)];
        let header = standard(&secrets, "msg_1", sent, &body);
        let (last, rest) = (sent % 10, sent / 10);
        let moved = [last.to_string().as_bytes(), &body].concat();
        prop_assert!(!verify_standard(&secrets, "msg_1", &rest.to_string(), &header, &moved, at(rest)));
        let text = sent.to_string();
        let (first, rest) = text.split_at(1);
        let (id, rest) = (format!("msg_1{first}"), rest.parse::<i64>().unwrap());
        prop_assert!(!verify_standard(&secrets, &id, &rest.to_string(), &header, &body, at(rest)));
    }

    #[test]
    fn in_a_rotation_any_secret_that_both_know_will_do(
        keys in prop::collection::hash_set(vec(any::<u8>(), 24..=32), 1..6), signs in any::<u8>(), knows in any::<u8>(), sent in SECONDS, body in vec(any::<u8>(), 0..60)
    ) {
        let chosen = |mask: u8| -> Vec<String> {
            keys.iter().enumerate().filter(|(place, _)| mask >> place & 1 == 1).map(|(_, key)| secret(key)).collect()
        };
        let (signing, known) = (chosen(signs), chosen(knows));
        let header = standard(&signing, "msg_1", sent, &body);
        prop_assert_eq!(header.split(' ').filter(|one| one.starts_with("v1,")).count(), signing.len());
        let shared = signing.iter().any(|secret| known.contains(secret));
        prop_assert_eq!(verify_standard(&known, "msg_1", &sent.to_string(), &header, &body, at(sent)), shared);

        let older: Vec<_> = signing.iter().map(|secret| hex_of_body(secret, &body)).collect();
        let believed = older.iter().filter(|header| verify_hex(&known, header, &body)).count();
        prop_assert_eq!(believed, signing.iter().filter(|secret| known.contains(secret)).count());
    }

    #[test]
    fn one_bit_makes_the_older_one_another_too(secret in "[!-~]{1,64}", body in vec(any::<u8>(), 1..300), place in any::<Index>()) {
        let secrets = [secret.clone()];
        let header = hex_of_body(&secret, &body);
        for same in [header.clone(), header.to_uppercase(), format!("sha256={header}"), format!(" {header} ")] {
            prop_assert!(verify_hex(&secrets, &same, &body), "{same:?}");
        }
        prop_assert!(!verify_hex(&secrets, &header, &flipped(&body, place)));
        prop_assert!(!verify_hex(&[flipped_text(&secret, place)], &header, &body));
        let changed = flipped_text(&header, place);
        // Capital letters are as good.
        prop_assert_eq!(verify_hex(&secrets, &changed, &body), changed.eq_ignore_ascii_case(&header), "{:?}", changed);
    }

    #[test]
    fn nothing_is_too_odd_to_be_refused(
        secrets in vec(any_secret(), 0..3), id in any::<String>(), timestamp in prop_oneof![any::<String>(), any::<i64>().prop_map(|second| second.to_string())],
        header in prop_oneof![any::<String>(), "(v1,[A-Za-z0-9+/]{0,44}=? ?){0,3}", Just(" ".to_owned())], body in vec(any::<u8>(), 0..60), now in any::<i64>()
    ) {
        let claimed = timestamp.parse::<i64>().unwrap_or_default();
        for now in [Moment::from_millis(now), Moment::from_millis(claimed.saturating_mul(1_000))] {
            prop_assert!(!verify_standard(&secrets, &id, &timestamp, &header, &body, now));
        }
        prop_assert!(!verify_hex(&secrets, &header, &body));
        prop_assert!(!verify_standard(&[], &id, &timestamp, &standard(&[], &id, 0, &body), &body, at(0)));
    }
}
