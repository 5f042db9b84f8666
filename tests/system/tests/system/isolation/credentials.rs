//! Tokens and headers that must not be believed.

use std::sync::Arc;

use boot::Ambient;
use boot::clients::Clients;
use boot::secrets::Secrets;
use domain::time::Moment;
use edge::tokens;
use http::HeaderValue;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use testkit::{ManualClock, Seeded};

use crate::house::{House, Person};

/// Authorization headers that must not be believed, each by its name.
pub(super) async fn unbelievable(house: &House, ada: &Person) -> Vec<(&'static str, Vec<HeaderValue>)> {
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

    let revoked = house.api.login("ada").await;
    assert_eq!(house.api.post("/logout", &revoked, Value::Null).await.status, 200);
    let bearer = |token: &str| vec![HeaderValue::try_from(format!("Bearer {token}")).unwrap()];
    vec![
        ("no token", vec![]),
        ("an empty header", vec![HeaderValue::from_static("")]),
        ("no word but the scheme", vec![HeaderValue::from_static("Bearer")]),
        ("another scheme", vec![HeaderValue::from_static("Basic YWRhOmFkYQ==")]),
        ("the token alone", vec![HeaderValue::try_from(&ada.token).unwrap()]),
        ("no text", vec![HeaderValue::from_bytes(b"Bearer \xff\xfe").unwrap()]),
        ("two headers", [bearer(&ada.token), bearer(&ada.token)].concat()),
        ("no token at all", bearer("abc")),
        ("a very long token", bearer(&"a".repeat(8_000))),
        ("a revoked token", bearer(&revoked)),
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
