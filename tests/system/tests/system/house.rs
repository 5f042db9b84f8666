//! The system and those who call it.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use domain::time::{Clock, Moment};
use http::{HeaderMap, Method, StatusCode};
use local::clock::FastClock;
use local::{Settings, System};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// How often a test looks whether something has come.
pub(crate) const POLL: Duration = Duration::from_millis(25);
/// A password that is good enough.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// The system in this process, on a port of its own and with nothing kept.
pub(crate) struct House {
    pub(crate) system: System,
    pub(crate) api: Api,
    clock: FastClock,
}

impl House {
    /// Time runs fifty times as fast in it: a simulated task takes 60 ms.
    pub(crate) async fn new() -> Self {
        let clock = FastClock::from_now(50);
        let settings = Settings { clock: Some(clock), ..settings() };
        let system = System::start(&settings).await.unwrap();
        let api = Api::at(format!("http://{}", system.address()));
        Self { system, api, clock }
    }
}

impl House {
    /// The present of the system.
    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }
}

/// Any free port, and nothing kept.
pub(crate) fn settings() -> Settings {
    Settings {
        port: 0,
        host: IpAddr::V4(Ipv4Addr::LOCALHOST),
        data_dir: "unused".into(),
        ephemeral: true,
        demo: false,
        webhook_url: None,
        clock: None,
        calls: calls(),
    }
}

/// Where the calls to AWS are written down, if somebody wants them.
#[allow(clippy::disallowed_methods, reason = "this is no part of the product that is configured")]
pub(crate) fn calls() -> Option<PathBuf> {
    std::env::var_os("NIGHTJAR_CALLS").map(PathBuf::from)
}

/// The API from outside.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) http: reqwest::Client,
    pub(crate) base: String,
    /// What follows the names in the e-mail addresses.
    pub(crate) realm: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
}

/// Somebody with an account who has logged in.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) token: String,
}

/// An API key.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) text: String,
}

impl Api {
    pub(crate) fn at(base: String) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        Self { http: http.build().unwrap(), base, realm: String::new() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Sends a request as this person, with a JSON body unless it is null.
    pub(crate) async fn call(&self, method: Method, path: &str, token: &str, body: &Value) -> Reply {
        self.try_call(method, path, token, body).await.unwrap()
    }

    /// The same, where the other end may die.
    pub(crate) async fn try_call(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: &Value,
    ) -> reqwest::Result<Reply> {
        let mut request = self.request(method, path);
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        Reply::to(request).await
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Reply {
        self.call(Method::GET, path, token, &Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: Value) -> Reply {
        self.call(Method::POST, path, token, &body).await
    }

    /// The address of whom a test calls so.
    pub(crate) fn email(&self, name: &str) -> String {
        format!("{name}{}@example.com", self.realm)
    }

    /// Registers and logs in.
    pub(crate) async fn person(&self, name: &str) -> Person {
        let email = self.email(name);
        let account = json!({ "name": name, "email": email, "password": PASSWORD });
        let made = self.post("/register", "", account).await;
        assert_eq!(made.status, 201, "{made:?}");
        Person { id: made.text("userId"), token: self.login(name).await }
    }

    /// A fresh token.
    pub(crate) async fn login(&self, name: &str) -> String {
        let email = self.email(name);
        let login = self.post("/login", "", json!({ "email": email, "password": PASSWORD })).await;
        assert_eq!(login.status, 200, "{login:?}");
        login.text("token")
    }

    /// Makes an API key with these scopes, for ever.
    pub(crate) async fn key(&self, token: &str, scopes: &[&str]) -> Key {
        let made = self.post("/keys", token, json!({ "name": "test", "scopes": scopes })).await;
        assert_eq!(made.status, 201, "{made:?}");
        Key { id: made.text("id"), text: made.text("key") }
    }

    /// What signs this person's webhooks.
    pub(crate) async fn secret(&self, token: &str) -> String {
        self.get("/webhooks/secret", token).await.text("secret")
    }

    /// Creates a job and answers its id.
    pub(crate) async fn job(&self, token: &str, body: Value) -> String {
        let made = self.post("/jobs", token, body).await;
        assert_eq!(made.status, 201, "{made:?}");
        made.text("jobId")
    }

    /// Waits until the job stands there.
    pub(crate) async fn until_status(&self, token: &str, job: &str, status: &str) -> Value {
        let path = format!("/jobs/{job}");
        until(&format!("{job} is {status}"), || async {
            let reply = self.get(&path, token).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            (reply.json["status"] == status).then_some(reply.json)
        })
        .await
    }

    /// Waits until some row of the job's deliveries is as wanted.
    pub(crate) async fn until_delivery(
        &self,
        token: &str,
        job: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let path = format!("/jobs/{job}/deliveries");
        until(&format!("a delivery of {job}"), || async {
            let reply = self.get(&path, token).await;
            let rows = reply.json["deliveries"].as_array().cloned().unwrap_or_default();
            rows.into_iter().find(|row| wanted(row))
        })
        .await
    }
}

impl Reply {
    pub(crate) async fn to(request: reqwest::RequestBuilder) -> reqwest::Result<Self> {
        let answer = request.send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let bytes = answer.bytes().await?;
        Ok(Self { status, headers, json: serde_json::from_slice(&bytes).unwrap_or_default() })
    }

    /// A member that is a text.
    pub(crate) fn text(&self, name: &str) -> String {
        self.json[name].as_str().unwrap_or_else(|| panic!("no text {name} in {self:?}")).to_owned()
    }

    /// That it is a problem document of this status, whole in every part; answers its first pointer.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, what: &str) -> Option<&str> {
        let doc = &self.json;
        assert_eq!(self.status, status, "{what}: {doc}");
        assert_eq!(self.headers["content-type"], "application/problem+json", "{what}");
        assert_eq!(doc["status"], status, "{what}");
        assert_eq!(doc["message"], doc["detail"], "{what}");
        assert_eq!(doc["requestId"], self.headers["x-request-id"].to_str().unwrap(), "{what}");
        for member in ["type", "title", "detail", "requestId", "traceId"] {
            assert!(doc[member].as_str().is_some_and(|text| !text.is_empty()), "{what}: {member} of {doc}");
        }
        doc["errors"][0]["pointer"].as_str()
    }
}

/// Looks again and again until there is something; fails after a minute and a half.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    let end = Instant::now() + Duration::from_secs(90);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "it did not come about that {what}");
        sleep(POLL).await;
    }
}
