//! Accounts, sessions and keys.

use domain::user::User;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::{Flow, disturb, is_passing};
use crate::house::PASSWORD;
use crate::invariants::Findings;
use crate::stage::{Stage, large};
use crate::world::{Reply, request, text};

/// A user who has registered over the API, and is logged in.
pub(super) struct Guest {
    token: String,
}

impl Stage {
    async fn registers(&self) -> Option<Reply> {
        let body = json!({"name": "Bob", "email": "bob@example.com", "password": PASSWORD});
        self.world.call("POST", "/register", &body).await
    }

    async fn logs_in(&self) -> Option<Reply> {
        self.world.call("POST", "/login", &json!({"email": "BOB@example.com", "password": PASSWORD})).await
    }

    async fn guest(&self) -> Guest {
        let persona = testkit::user(&self.world.bed, "bob");
        let user = User { password_hash: hash().await, ..persona.user };
        self.world.store.create_user(&user, &persona.email, &persona.name).await.unwrap();
        Guest { token: self.world.token_of(user.id).await }
    }

    /// A request of the guest's.
    async fn of(&self, guest: &Guest, method: &str, path: &str, body: &Value) -> Option<Reply> {
        self.world.call_with(request(&guest.token, method, path, &text(body))).await
    }
}

/// The hash of the password, as a registration writes it: it is dear, and made once.
async fn hash() -> String {
    static HASH: OnceCell<String> = OnceCell::const_new();
    let made = HASH.get_or_init(async || {
        let stage = Stage::new().await;
        stage.registers().await.unwrap();
        let rows = stage.world.bed.rows(None).await;
        let bob = rows.iter().find(|row| row["email"] == "bob@example.com").unwrap();
        bob["passwordHash"].as_str().unwrap().to_owned()
    });
    made.await.clone()
}

struct Register;

impl Flow for Register {
    type Scene = ();

    async fn prepare(&self, _: &mut Stage) {}

    async fn begin(&self, stage: &Stage, (): &()) -> Option<Reply> {
        stage.registers().await
    }

    async fn conclude(&self, stage: &Stage, (): &(), told: Option<Reply>, findings: &mut Findings) {
        if told.is_none_or(|reply| reply.status != StatusCode::CREATED) {
            // Who was not told either gets the account now or learns that it is there.
            let again = stage.registers().await.unwrap().status;
            let known = [StatusCode::CREATED, StatusCode::CONFLICT].contains(&again);
            findings.expect(known, format_args!("to register again is answered {again}"));
        }
        let login = stage.logs_in().await.unwrap();
        findings.expect(login.status == StatusCode::OK, format_args!("nobody can log in: {login:?}"));
    }
}

#[tokio::test]
async fn register() {
    disturb("register", Register).await;
}

struct Logout;

impl Flow for Logout {
    type Scene = Guest;

    async fn prepare(&self, stage: &mut Stage) -> Guest {
        stage.guest().await
    }

    async fn begin(&self, stage: &Stage, guest: &Guest) -> Option<Reply> {
        stage.of(guest, "POST", "/logout", &Value::Null).await
    }

    async fn conclude(&self, stage: &Stage, guest: &Guest, told: Option<Reply>, findings: &mut Findings) {
        if told.is_none_or(|reply| reply.status != StatusCode::OK) {
            stage.of(guest, "POST", "/logout", &Value::Null).await;
        }
        let seen = stage.of(guest, "GET", "/profile", &Value::Null).await.unwrap();
        findings.expect(seen.status == StatusCode::UNAUTHORIZED, format_args!("the token lives: {seen:?}"));
    }
}

#[tokio::test]
async fn logout() {
    disturb("logout", Logout).await;
}

/// The account is deleted, with a job and a key in it.
struct Farewell;

impl Flow for Farewell {
    type Scene = Guest;

    async fn prepare(&self, stage: &mut Stage) -> Guest {
        let guest = stage.guest().await;
        let key = json!({"name": "ci", "scopes": ["read"]});
        let made = stage.of(&guest, "POST", "/keys", &key).await.unwrap();
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        let job = json!({"taskName": "report", "payload": large()});
        let made = stage.of(&guest, "POST", "/jobs", &job).await.unwrap();
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        guest
    }

    async fn begin(&self, stage: &Stage, guest: &Guest) -> Option<Reply> {
        stage.of(guest, "DELETE", "/profile", &json!({"password": PASSWORD})).await
    }

    async fn conclude(&self, stage: &Stage, guest: &Guest, told: Option<Reply>, findings: &mut Findings) {
        if told.is_none_or(|reply| reply.status != StatusCode::OK) {
            stage.of(guest, "DELETE", "/profile", &json!({"password": PASSWORD})).await;
            stage.settle().await;
        }
        let login = stage.logs_in().await.unwrap();
        findings.expect(login.status == StatusCode::UNAUTHORIZED, format_args!("can log in: {login:?}"));
        let rows = stage.world.bed.rows(None).await;
        let left: Vec<_> = rows.iter().filter(|row| row["sk"] == "KEY").collect();
        findings.expect(left.is_empty(), format_args!("keys are left: {left:?}"));
        let open = rows.iter().filter(|row| row["sk"] == "JOB" && row["deletedAt"].is_null()).count();
        findings.expect(open == 0, format_args!("{open} jobs are left"));
    }
}

#[tokio::test]
async fn farewell() {
    disturb("farewell", Farewell).await;
}

/// A key is made, and revoked.
struct Key;

impl Flow for Key {
    type Scene = ();

    async fn prepare(&self, _: &mut Stage) {}

    async fn begin(&self, stage: &Stage, (): &()) -> Option<Reply> {
        let body = json!({"name": "ci", "scopes": ["read"]});
        let made = stage.world.call("POST", "/keys", &body).await?;
        let Some(id) = made.body["id"].as_str().map(str::to_owned) else { return Some(made) };
        let revoked = stage.world.call("DELETE", &format!("/keys/{id}"), &Value::Null).await?;
        // Both were told; which key it was is what the client knows.
        let key = made.body["key"].clone();
        Some(Reply { status: revoked.status, body: json!({"id": id, "key": key}) })
    }

    async fn conclude(&self, stage: &Stage, (): &(), told: Option<Reply>, findings: &mut Findings) {
        let Some(told) = told else { return };
        let (Some(id), Some(key)) = (told.body["id"].as_str(), told.body["key"].as_str()) else {
            findings.expect(is_passing(told.status), format_args!("no key was made: {told:?}"));
            return;
        };
        if !told.status.is_success() {
            let again = stage.world.call("DELETE", &format!("/keys/{id}"), &Value::Null).await.unwrap();
            let gone = again.status.is_success() || again.status == StatusCode::NOT_FOUND;
            findings.expect(gone, format_args!("the key cannot be revoked: {again:?}"));
        }
        let seen = stage.world.call_with(request(key, "GET", "/jobs", "")).await.unwrap();
        findings.expect(seen.status == StatusCode::UNAUTHORIZED, format_args!("the key lives: {seen:?}"));
    }
}

#[tokio::test]
async fn key() {
    disturb("key", Key).await;
}
