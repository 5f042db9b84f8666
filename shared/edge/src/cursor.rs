//! Cursors: where a list goes on, as a text that only we can make.
//!
//! A cursor is bound to its user and to the filter it was made under. Nothing in it is secret, but a forged
//! one could ask for positions that no list would ever give out.

use boot::secrets::{Secret, Secrets};
use domain::id::UserId;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

use crate::problem::Problem;

/// The name of the parameter, and of the member that answers carry.
pub const PARAMETER: &str = "cursor";

const MAC_BYTES: usize = 16;
const MAX_TEXT: usize = 2_048;

/// What a cursor is good for: one user's list under one filter.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// Whose list.
    pub user: UserId,
    /// All that decides what is in the list and in which order, in any form that is the same for the same list.
    pub filter: &'a str,
}

/// Makes a cursor out of a position.
pub fn seal<P: Serialize>(secrets: &Secrets, binding: Binding<'_>, position: &P) -> Option<String> {
    let mut bytes = serde_json::to_vec(position).ok()?;
    let mac = mac(secrets.current(), binding, &bytes).finalize().into_bytes();
    bytes.extend_from_slice(&mac[..MAC_BYTES]);
    Some(base64_url(&bytes))
}

/// Opens a cursor; a forged one, or one of another list, is a 400 that names the parameter.
pub fn open<P: DeserializeOwned>(secrets: &Secrets, binding: Binding<'_>, text: &str) -> Result<P, Problem> {
    let refusal =
        || Problem::at(PARAMETER, "is not a cursor of this list; take nextCursor of its last page as it is");
    let bytes = if text.len() <= MAX_TEXT { from_base64_url(text) } else { None };
    let bytes = bytes.ok_or_else(refusal)?;
    let split = bytes.len().checked_sub(MAC_BYTES).ok_or_else(refusal)?;
    let (position, shown) = bytes.split_at(split);
    let ours = |secret| mac(secret, binding, position).verify_truncated_left(shown).is_ok();
    if !secrets.all().any(ours) {
        return Err(refusal());
    }
    serde_json::from_slice(position).map_err(|_| refusal())
}

fn mac(secret: &Secret, binding: Binding<'_>, position: &[u8]) -> Hmac<Sha256> {
    // A key of its own: what signs cursors must not be good for tokens, nor the other way round.
    let key = keyed(secret.expose().as_bytes()).chain_update(b"nightjar cursor v1").finalize().into_bytes();
    let length = u64::try_from(binding.filter.len()).unwrap_or(u64::MAX);
    keyed(&key)
        .chain_update(binding.user.to_string())
        .chain_update(length.to_be_bytes())
        .chain_update(binding.filter)
        .chain_update(position)
}

#[allow(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

fn base64_url(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

fn from_base64_url(text: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(last: char) -> UserId {
        format!("usr_018bcfe568007abcababababababab0{last}").parse().unwrap()
    }

    fn binding(last: char, filter: &str) -> Binding<'_> {
        Binding { user: user(last), filter }
    }

    #[test]
    fn opens_for_its_user_its_filter_and_either_secret() {
        let secrets = Secrets::of("one");
        let cursor = seal(&secrets, binding('1', "status=failed"), &("job", 7)).unwrap();
        let open =
            |secrets: &Secrets, last, filter| open::<(String, u8)>(secrets, binding(last, filter), &cursor);
        assert_eq!(open(&secrets, '1', "status=failed").unwrap(), ("job".to_owned(), 7));
        assert!(open(&Secrets::of("two").with_previous("one"), '1', "status=failed").is_ok());
        assert!(open(&Secrets::of("two"), '1', "status=failed").is_err());
        assert!(open(&secrets, '2', "status=failed").is_err());
        assert!(open(&secrets, '1', "status=pending").is_err());
    }

    #[test]
    fn a_forgery_names_the_parameter() {
        let secrets = Secrets::of("one");
        let good = seal(&secrets, binding('1', ""), &7u8).unwrap();
        let mut changed = good.clone().into_bytes();
        changed[0] ^= 1;
        let texts = [
            "",
            "x",
            "%%%",
            "AAAA",
            &"A".repeat(40),
            &"A".repeat(3_000),
            &String::from_utf8(changed).unwrap(),
        ];
        for text in texts.into_iter().map(str::to_owned).chain([format!("{good}A")]) {
            let problem = open::<u8>(&secrets, binding('1', ""), &text).unwrap_err();
            assert_eq!(problem.faults()[0].pointer, "cursor", "{text}");
        }
        assert!(open::<String>(&secrets, binding('1', ""), &good).is_err(), "another kind of position");
    }
}
