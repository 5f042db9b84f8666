//! Tokens, keys and headers that must not be believed.

use std::sync::Arc;

use boot::Ambient;
use boot::clients::Clients;
use boot::secrets::Secrets;
use domain::time::Moment;
use edge::tokens;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Method};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use testkit::{ManualClock, Seeded};

use crate::house::{House, PASSWORD, Person, until};

/// What a request shows to prove who sends it.
pub(crate) type Shown = Vec<(HeaderName, HeaderValue)>;

/// Where an API key may stand by itself.
pub(crate) const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// This token, or this key, as a bearer.
pub(crate) fn bearer(token: &str) -> Shown {
    vec![(AUTHORIZATION, HeaderValue::try_from(format!("Bearer {token}")).unwrap())]
}

/// This key in its own header.
pub(crate) fn api_key(key: &str) -> Shown {
    vec![(API_KEY, HeaderValue::try_from(key).unwrap())]
}

/// Credentials that must not be believed, each by its name.
pub(crate) async fn unbelievable(house: &House, ada: &Person) -> Vec<(&'static str, Shown)> {
    let mut all = forged(house, ada).await;
    all.extend(outlived(house).await);
    all
}

/// What once was good.
async fn outlived(house: &House) -> Vec<(&'static str, Shown)> {
    let api = &house.api;
    let (ben, eve) = (api.person("ben").await, api.person("eve").await);
    let kim = api.person("kim").await;
    let expires_at = house.now().plus(std::time::Duration::from_secs(5)).to_string();
    let short = json!({ "name": "short", "scopes": ["read", "write", "run"], "expiresAt": expires_at });
    let expired = api.post("/keys", &ben.token, short).await;
    let all = ["read", "write", "run"];
    let (revoked, eves) = (api.key(&ben.token, &all).await, api.key(&eve.token, &all).await);
    let swept = api.key(&kim.token, &all).await;
    // Whose other tokens live on: nothing but the logout makes this one dead.
    let lou = api.person("lou").await;
    let logged_out = api.login("lou").await;
    assert_eq!(api.post("/logout", &logged_out, Value::Null).await.status, 200);
    assert_eq!(api.get("/profile", &lou.token).await.status, 200);
    let gone = api.call(Method::DELETE, &format!("/keys/{}", revoked.id), &ben.token, &Value::Null).await;
    assert_eq!(gone.status, 200, "{gone:?}");
    let change = json!({ "currentPassword": PASSWORD, "newPassword": "staples of many horses" });
    assert_eq!(api.post("/profile/password", &ben.token, change).await.status, 200);
    let sweep =
        json!({ "currentPassword": PASSWORD, "newPassword": "staples of many horses", "revokeKeys": true });
    assert_eq!(api.post("/profile/password", &kim.token, sweep).await.status, 200);
    let farewell = json!({ "password": PASSWORD });
    assert_eq!(api.call(Method::DELETE, "/profile", &eve.token, &farewell).await.status, 200);
    until("the key expires", || async { (house.now().to_string() > expires_at).then_some(()) }).await;
    vec![
        ("a revoked token", bearer(&logged_out)),
        ("a token from before a change of the password", bearer(&ben.token)),
        ("a token of a deleted user", bearer(&eve.token)),
        ("a key of a deleted user", bearer(&eves.text)),
        ("a revoked key", bearer(&revoked.text)),
        ("a revoked key in its own header", api_key(&revoked.text)),
        ("a key from before a change of the password that ended all keys", bearer(&swept.text)),
        ("an expired key", api_key(&expired.text("key"))),
    ]
}

/// What never was.
async fn forged(house: &House, ada: &Person) -> Vec<(&'static str, Shown)> {
    let secrets = secrets(house).await;
    let now = house.now();
    let user = ada.id.parse().unwrap();
    let at = |moment: Moment| Ambient {
        clock: Arc::new(ManualClock::at(moment)),
        entropy: Arc::new(Seeded::new(1)),
    };
    let past = Moment::from_millis(now.as_millis() - 7_200_000);
    let expired = tokens::issue(&secrets, user, &at(past)).unwrap().token;
    let foreign = Secrets::of("the secret of another deployment of this system");
    let foreign = tokens::issue(&foreign, user, &at(now)).unwrap().token;
    let seconds = now.as_millis() / 1_000;
    let claims = json!({
        "iss": tokens::ISSUER, "aud": tokens::AUDIENCE, "sub": ada.id, "jti": "forged",
        "iat": seconds, "exp": seconds + 3_600,
    });
    let kid = Some(secrets.current().kid().to_owned());
    let signed = |algorithm, claims: &Value, secret: &str| {
        let header = Header { kid: kid.clone(), ..Header::new(algorithm) };
        encode(&header, claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    };
    let right = secrets.current().expose();
    let part = |value: Value| {
        let text = domain::signature::to_base64(value.to_string().as_bytes());
        text.replace('+', "-").replace('/', "_").replace('=', "")
    };
    let unsigned =
        |alg: &str| format!("{}.{}.", part(json!({ "alg": alg, "kid": kid })), part(claims.clone()));
    let (head, rest) = ada.token.split_once('.').unwrap();
    let (_, signature) = rest.rsplit_once('.').unwrap();
    let promoted = format!("{head}.{}.{signature}", part(claims.clone()));
    let mut for_others = claims.clone();
    for_others["aud"] = json!("another-api");
    let mut nobody = claims.clone();
    nobody["sub"] = json!("usr_018bcfe568007abcabababababababab");

    let mut reborn = claims.clone();
    reborn["gen"] = json!(now.as_millis());
    let key = house.api.key(&ada.token, &["read", "write", "run"]).await.text;
    let respelt = format!("{}{}", &key[..46], if key.ends_with('A') { 'B' } else { 'A' });
    let unknown = format!("njk_{}A", "x".repeat(42));
    let header = |value: &'static str| vec![(AUTHORIZATION, HeaderValue::from_static(value))];
    let raw = |value: &str| vec![(AUTHORIZATION, HeaderValue::try_from(value).unwrap())];
    vec![
        ("no token", vec![]),
        ("an empty header", header("")),
        ("no word but the scheme", header("Bearer")),
        ("another scheme", header("Basic YWRhOmFkYQ==")),
        ("the token alone", raw(&ada.token)),
        ("no text", vec![(AUTHORIZATION, HeaderValue::from_bytes(b"Bearer \xff\xfe").unwrap())]),
        ("two headers", [bearer(&ada.token), bearer(&ada.token)].concat()),
        ("no token at all", bearer("abc")),
        ("a very long token", bearer(&"a".repeat(8_000))),
        ("an expired token", bearer(&expired)),
        ("a foreign key", bearer(&foreign)),
        ("a guessed key", bearer(&signed(Algorithm::HS256, &claims, "guess"))),
        ("another algorithm", bearer(&signed(Algorithm::HS512, &claims, right))),
        ("alg none", bearer(&unsigned("none"))),
        ("alg None", bearer(&unsigned("None"))),
        ("no signature", bearer(&unsigned("HS256"))),
        ("the signature of other claims", bearer(&promoted)),
        ("another audience", bearer(&signed(Algorithm::HS256, &for_others, right))),
        ("a user who does not exist", bearer(&signed(Algorithm::HS256, &nobody, right))),
        ("another generation", bearer(&signed(Algorithm::HS256, &reborn, right))),
        ("an API key that never was", bearer(&unknown)),
        ("an API key with another last letter", api_key(&respelt)),
        ("half an API key", api_key(&key[..30])),
        ("an empty API key", api_key("")),
        ("a token as an API key", api_key(&ada.token)),
        ("an API key without its scheme", raw(&key)),
        ("two API keys", [api_key(&key), api_key(&key)].concat()),
        ("an API key beside a token", [api_key(&key), bearer(&ada.token)].concat()),
    ]
}

/// What the system signs tokens with.
async fn secrets(house: &House) -> Secrets {
    let client = Clients::from_config(&house.system.engine().sdk_config()).secrets_manager();
    let read = client.get_secret_value().secret_id("nightjar/auth").send().await.unwrap();
    Secrets::parse(read.secret_string().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_made_as_those_of_the_test_but_right_is_believed() {
    let house = House::new().await;
    let ada = house.api.person("ada").await;
    let ambient =
        Ambient { clock: Arc::new(ManualClock::at(house.now())), entropy: Arc::new(Seeded::new(1)) };
    let token = tokens::issue(&secrets(&house).await, ada.id.parse().unwrap(), &ambient).unwrap().token;
    assert_eq!(house.api.get("/profile", &token).await.text("id"), ada.id);
}
