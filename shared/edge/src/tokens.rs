//! Session tokens: JWTs of one kind, signed with one algorithm.

use std::time::Duration;

use boot::Ambient;
use boot::secrets::Secrets;
use domain::id::UserId;
use domain::time::Moment;
use domain::user::User;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};

/// Who issues them.
pub const ISSUER: &str = "nightjar";
/// Whom they are for.
pub const AUDIENCE: &str = "nightjar-api";
/// How long they live.
pub const LIFETIME: Duration = Duration::from_secs(3_600);
/// How far two machines' clocks may be apart.
pub const LEEWAY: Duration = Duration::from_secs(5);

/// What a verified token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenClaims {
    /// Whom it stands for.
    pub user: UserId,
    /// Its own id, by which it is revoked.
    pub jti: String,
    /// Which of its user's tokens it belongs to: the value of `tokens_valid_after` that it was issued under.
    pub generation: Option<Moment>,
    /// When it was issued.
    pub issued_at: Moment,
    /// When it expires.
    pub expires_at: Moment,
}

impl TokenClaims {
    /// From when on no clock takes it any more: as long must its revocation be remembered.
    pub fn dead_from(&self) -> Moment {
        self.expires_at.plus(LEEWAY)
    }
}

/// A token and what it says.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The text that its owner shows.
    pub token: String,
    /// What it says.
    pub claims: TokenClaims,
}

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// It is no JWT, or not one that this API issues.
    #[error("the token is not one that this API issues")]
    Malformed,
    /// It names a secret that is not, or no longer, in use.
    #[error("the token was signed with a key that is not in use; log in again")]
    UnknownKey,
    /// Its signature is wrong.
    #[error("the token's signature is wrong")]
    Forged,
    /// It has expired.
    #[error("the token has expired; log in again")]
    Expired,
}

/// A token could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("a token cannot be signed")]
pub struct CannotSign(#[from] jsonwebtoken::errors::Error);

#[derive(Serialize, Deserialize)]
struct Wire {
    iss: String,
    aud: String,
    sub: UserId,
    jti: String,
    iat: i64,
    exp: i64,
    /// In milliseconds; a user's first tokens have none.
    #[serde(
        rename = "gen",
        default,
        with = "domain::time::millis::option",
        skip_serializing_if = "Option::is_none"
    )]
    generation: Option<Moment>,
}

/// A new token for this user as it was read with what proved it, signed with the current secret.
///
/// Its generation, and not the time of issue, tells whether it was among the tokens that its user made dead. Times
/// would not do: `iat` has whole seconds, machines' clocks differ, and a login that verified the old password
/// before a change of it may issue its token after the change. The generation of the record that was read is right
/// in each case.
pub fn issue_to(secrets: &Secrets, user: &User, ambient: &Ambient) -> Result<Issued, CannotSign> {
    sign(secrets, user.id, user.tokens_valid_after, ambient)
}

/// A new token for a user who never made all tokens dead.
pub fn issue(secrets: &Secrets, user: UserId, ambient: &Ambient) -> Result<Issued, CannotSign> {
    sign(secrets, user, None, ambient)
}

/// Believes a token, or says why not. Whether it was revoked only the table knows.
pub fn verify(secrets: &Secrets, token: &str, now: Moment) -> Result<TokenClaims, Untrusted> {
    let header = decode_header(token).map_err(|_| Untrusted::Malformed)?;
    if header.alg != Algorithm::HS256 {
        return Err(Untrusted::Malformed);
    }
    let kid = header.kid.as_deref().ok_or(Untrusted::Malformed)?;
    let secret = secrets.by_kid(kid).ok_or(Untrusted::UnknownKey)?;
    let mut rules = Validation::new(Algorithm::HS256);
    rules.set_issuer(&[ISSUER]);
    rules.set_audience(&[AUDIENCE]);
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // The library would ask the machine's clock; time is an argument here.
    rules.validate_exp = false;
    let key = DecodingKey::from_secret(secret.expose().as_bytes());
    let wire = decode::<Wire>(token, &key, &rules).map_err(|refused| match refused.kind() {
        ErrorKind::InvalidSignature => Untrusted::Forged,
        _ => Untrusted::Malformed,
    })?;
    let claims = TokenClaims::from(wire.claims);
    if claims.issued_at > now.plus(Duration::from_secs(60)) {
        return Err(Untrusted::Malformed);
    }
    if claims.dead_from() <= now { Err(Untrusted::Expired) } else { Ok(claims) }
}

fn sign(
    secrets: &Secrets,
    user: UserId,
    generation: Option<Moment>,
    ambient: &Ambient,
) -> Result<Issued, CannotSign> {
    let mut id = [0; 16];
    ambient.entropy().fill(&mut id);
    let issued = ambient.now().as_millis().div_euclid(1_000);
    let wire = Wire {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: user,
        jti: hex::encode(id),
        iat: issued,
        exp: issued.saturating_add_unsigned(LIFETIME.as_secs()),
        generation,
    };
    let secret = secrets.current();
    let header = Header { kid: Some(secret.kid().to_owned()), ..Header::new(Algorithm::HS256) };
    let token = encode(&header, &wire, &EncodingKey::from_secret(secret.expose().as_bytes()))?;
    Ok(Issued { token, claims: wire.into() })
}

impl From<Wire> for TokenClaims {
    fn from(wire: Wire) -> Self {
        let moment = |seconds: i64| Moment::from_millis(seconds.saturating_mul(1_000));
        Self {
            user: wire.sub,
            jti: wire.jti,
            generation: wire.generation,
            issued_at: moment(wire.iat),
            expires_at: moment(wire.exp),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn now() -> Moment {
        Ambient::system().now()
    }

    fn user() -> UserId {
        "usr_018bcfe568007abcabababababababab".parse().unwrap()
    }

    fn signed(header: &Header, claims: &Value, secret: &str) -> String {
        encode(header, claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    }

    fn header(secrets: &Secrets) -> Header {
        Header { kid: Some(secrets.current().kid().into()), ..Header::new(Algorithm::HS256) }
    }

    fn claims() -> Value {
        let seconds = now().as_millis() / 1_000;
        json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": user(), "jti": "a", "iat": seconds, "exp": seconds + 60
        })
    }

    #[test]
    fn what_is_issued_is_believed_until_it_expires() {
        let secrets = Secrets::of("one");
        let issued = issue(&secrets, user(), &Ambient::system()).unwrap();
        let claims = verify(&secrets, &issued.token, now()).unwrap();
        assert_eq!(claims, issued.claims);
        assert_eq!(claims.expires_at.since(claims.issued_at), LIFETIME);
        let last = Moment::from_millis(claims.dead_from().as_millis() - 1);
        assert!(verify(&secrets, &issued.token, last).is_ok());
        assert_eq!(verify(&secrets, &issued.token, claims.dead_from()), Err(Untrusted::Expired));
    }

    #[test]
    fn a_token_carries_the_generation_it_was_issued_under() {
        let secrets = Secrets::of("one");
        let generation = Some(Moment::from_millis(1_700_000_000_123));
        let issued = sign(&secrets, user(), generation, &Ambient::system()).unwrap();
        assert_eq!(verify(&secrets, &issued.token, now()).unwrap().generation, generation);
        let first = issue(&secrets, user(), &Ambient::system()).unwrap();
        assert_eq!(verify(&secrets, &first.token, now()).unwrap().generation, None);
    }

    #[test]
    fn the_secret_before_is_believed_and_others_are_not() {
        let token = issue(&Secrets::of("one"), user(), &Ambient::system()).unwrap().token;
        assert!(verify(&Secrets::of("two").with_previous("one"), &token, now()).is_ok());
        assert_eq!(verify(&Secrets::of("two"), &token, now()), Err(Untrusted::UnknownKey));
    }

    #[test]
    fn forgeries() {
        let secrets = Secrets::of("one");
        let ours = header(&secrets);
        assert!(verify(&secrets, &signed(&ours, &claims(), "one"), now()).is_ok());
        assert_eq!(verify(&secrets, &signed(&ours, &claims(), "guess"), now()), Err(Untrusted::Forged));
        let other = Header { alg: Algorithm::HS512, ..ours.clone() };
        assert_eq!(verify(&secrets, &signed(&other, &claims(), "one"), now()), Err(Untrusted::Malformed));
        let nameless = Header { kid: None, ..ours.clone() };
        assert_eq!(verify(&secrets, &signed(&nameless, &claims(), "one"), now()), Err(Untrusted::Malformed));
        for (member, value) in [
            ("iss", json!("someone")),
            ("aud", json!("else")),
            ("sub", json!("job_018bcfe568007abcabababababababab")),
            ("exp", Value::Null),
            ("iat", json!(now().as_millis() / 1_000 + 3_600)),
        ] {
            let mut changed = claims();
            changed[member] = value;
            let token = signed(&ours, &changed, "one");
            assert_eq!(verify(&secrets, &token, now()), Err(Untrusted::Malformed), "{member}");
        }
        for text in ["", "a", "a.b.c", "..", "eyJhbGciOiJub25lIn0.e30."] {
            assert_eq!(verify(&secrets, text, now()), Err(Untrusted::Malformed), "{text}");
        }
    }

    #[test]
    fn a_token_without_a_signature_is_none() {
        let secrets = Secrets::of("one");
        let part = |value: Value| domain::signature::to_base64(value.to_string().as_bytes());
        let plain = |text: String| text.replace('+', "-").replace('/', "_").replace('=', "");
        let kid = secrets.current().kid();
        let token = format!(
            "{}.{}.",
            plain(part(json!({"alg": "none", "typ": "JWT", "kid": kid}))),
            plain(part(claims()))
        );
        assert_eq!(verify(&secrets, &token, now()), Err(Untrusted::Malformed));
    }
}
