//! Webhook signatures: Standard Webhooks (<https://www.standardwebhooks.com>) and the older `X-Signature`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::time::{Entropy, Moment};

/// What secrets of the standard start with.
pub const SECRET_PREFIX: &str = "whsec_";
/// How far a receiver lets a timestamp be from its own clock.
pub const TOLERANCE_SECONDS: i64 = 300;

/// A fresh secret: `whsec_` and 32 bytes in base64.
pub fn fresh_secret(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 32];
    entropy.fill(&mut bytes);
    format!("{SECRET_PREFIX}{}", to_base64(&bytes))
}

/// The value of `webhook-signature`: one signature a secret, so that a rotation disturbs no receiver.
pub fn standard(secrets: &[String], id: &str, timestamp: i64, body: &[u8]) -> String {
    let signatures: Vec<_> = secrets.iter().map(|secret| v1(secret, id, timestamp, body)).collect();
    signatures.join(" ")
}

/// The value of `X-Signature`: hex HMAC-SHA256 of the body, keyed with the secret's text as it is shown.
pub fn hex_of_body(secret: &str, body: &[u8]) -> String {
    hex::encode(mac(secret.as_bytes(), &[body]))
}

/// Whether one of the header's signatures is by one of the secrets, and fresh.
pub fn verify_standard(
    secrets: &[String],
    id: &str,
    timestamp: &str,
    header: &str,
    body: &[u8],
    now: Moment,
) -> bool {
    let Ok(sent) = timestamp.parse::<i64>() else { return false };
    if sent.abs_diff(now.as_millis() / 1000) > TOLERANCE_SECONDS.unsigned_abs() {
        return false;
    }
    secrets.iter().any(|secret| {
        let expected = v1(secret, id, sent, body);
        header.split(' ').any(|given| given.as_bytes().ct_eq(expected.as_bytes()).into())
    })
}

/// Whether `X-Signature` is by one of the secrets.
pub fn verify_hex(secrets: &[String], header: &str, body: &[u8]) -> bool {
    let given = header.trim().trim_start_matches("sha256=").to_ascii_lowercase();
    secrets.iter().any(|secret| hex_of_body(secret, body).as_bytes().ct_eq(given.as_bytes()).into())
}

/// Base64 with the standard alphabet and padding.
pub fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Reads base64 with the standard alphabet and padding.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

fn v1(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> String {
    let timestamp = timestamp.to_string();
    let mac = mac(&key(secret), &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body]);
    format!("v1,{}", to_base64(&mac))
}

/// The standard's key is the decoded secret. A secret of another form (from a system that knew `X-Signature`
/// alone) is taken as the text that it is.
fn key(secret: &str) -> Vec<u8> {
    secret.strip_prefix(SECRET_PREFIX).and_then(from_base64).unwrap_or_else(|| secret.as_bytes().to_vec())
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes a key of any length (RFC 2104, section 2).
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Published test values of the Standard Webhooks libraries.
    const VECTORS: [(&str, &str, i64, &str, &str); 2] = [
        (
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            1_649_367_553,
            r#"{"email":"test@example.com","username":"test_user"}"#,
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        ),
        (
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
    ];

    #[test]
    fn signs_as_the_standard_says() {
        for (secret, id, timestamp, body, signature) in VECTORS {
            assert_eq!(standard(&[secret.to_owned()], id, timestamp, body.as_bytes()), signature);
        }
    }

    #[test]
    fn verifies_either_secret_of_a_rotation_and_nothing_else() {
        let [(old, id, timestamp, body, _), (new, ..)] = VECTORS;
        let both = [new.to_owned(), old.to_owned()];
        let header = standard(&both, id, timestamp, body.as_bytes());
        let now = Moment::from_millis(timestamp * 1000);
        let verify = |secrets: &[String], id: &str, header: &str, body: &str, now: Moment| {
            verify_standard(secrets, id, &timestamp.to_string(), header, body.as_bytes(), now)
        };
        assert!(verify(&both[..1], id, &header, body, now));
        assert!(verify(&both[1..], id, &header, body, now));
        assert!(!verify(&["whsec_AAAA".to_owned()], id, &header, body, now));
        assert!(!verify(&both, "msg_other", &header, body, now));
        assert!(!verify(&both, id, &header, "{}", now));
        assert!(!verify(&both, id, "", body, now));
        let late = Moment::from_millis((timestamp + TOLERANCE_SECONDS + 1) * 1000);
        assert!(!verify(&both, id, &header, body, late));
    }

    #[test]
    fn the_older_header_is_keyed_with_the_text() {
        // RFC 4231, test case 2.
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex_of_body("Jefe", b"what do ya want for nothing?"), expected);
        assert!(verify_hex(&["Jefe".to_owned()], expected, b"what do ya want for nothing?"));
        assert!(!verify_hex(&["Jefe".to_owned()], expected, b"what do ya want for nothing"));
    }

    #[test]
    fn the_official_library_agrees() {
        let (secret, id, body) = ("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "msg_1", b"{}");
        let theirs = standardwebhooks::Webhook::new(secret).unwrap().sign(id, 1_700_000_000, body).unwrap();
        assert_eq!(standard(&[secret.to_owned()], id, 1_700_000_000, body), theirs);
    }
}
