//! The people, what is theirs, and the table with all of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use boot::clients::Clients;
use domain::api_key::Scope;
use domain::user::{Role, User};
use http::Method;
use queue::topology;
use serde_json::{Value, json};
use store::Store;

use super::Caller;
use super::credentials::Shown;
use crate::house::{House, Key, PASSWORD, Person, Reply, until};
use crate::routes::{About, Access, NO_DELIVERY, Route};

const TABLE: &str = "nightjar";

/// The records, by their keys.
pub(super) type Records = BTreeMap<(String, String), HashMap<String, AttributeValue>>;

pub(super) struct Scene<'a> {
    house: &'a House,
    table: Client,
    store: Store,
    pub(super) owner: Person,
    other: Person,
    demoted: Person,
    pub(super) admin: Person,
    strangers: AtomicUsize,
}

/// What a route is asked about here: all of it the owner's.
pub(super) struct Mine {
    job: String,
    key: String,
    endpoint: String,
    delivery: String,
}

impl Mine {
    pub(super) fn paths(&self, route: &Route) -> Vec<String> {
        let about = About { job: &self.job, key: &self.key, endpoint: &self.endpoint };
        route.paths(about).into_iter().map(|path| path.replace(NO_DELIVERY, &self.delivery)).collect()
    }
}

/// Whether the route ends the caller's session, or all of them.
pub(super) fn ends_it(route: &Route) -> bool {
    let ends = ["/logout", "/users/logout", "/profile/password"].contains(&route.path);
    ends || (route.method, route.path) == ("DELETE", "/profile")
}

impl<'a> Scene<'a> {
    pub(super) async fn new(house: &'a House) -> Self {
        let clients = Clients::from_config(&house.system.engine().sdk_config());
        let api = &house.api;
        let scene = Self {
            house,
            table: clients.dynamodb(),
            store: Store::new(clients.dynamodb(), TABLE),
            owner: api.person("owner").await,
            other: api.person("other").await,
            demoted: api.person("demoted").await,
            admin: api.person("admin").await,
            strangers: AtomicUsize::new(0),
        };
        scene.set_role(&scene.admin, Role::Admin).await;
        scene.set_role(&scene.demoted, Role::Admin).await;
        assert_eq!(api.get("/users", &scene.demoted.token).await.status, 200);
        scene.set_role(&scene.demoted, Role::User).await;
        scene
    }

    pub(super) async fn set_role(&self, person: &Person, role: Role) {
        let user = self.store.user(person.id.parse().unwrap()).await.unwrap().unwrap();
        let next = User { role, version: user.version + 1, ..user };
        assert!(self.store.replace_user(&next).await.unwrap());
    }

    pub(super) fn person(&self, caller: Caller) -> &Person {
        match caller {
            Caller::Other => &self.other,
            Caller::Demoted => &self.demoted,
            Caller::Admin => &self.admin,
            Caller::Owner | Caller::Key | Caller::Unbelieved => &self.owner,
        }
    }

    /// Somebody new, of this kind.
    pub(super) async fn stranger(&self, caller: Caller) -> Person {
        let name = format!("stranger-{}", self.strangers.fetch_add(1, Ordering::Relaxed));
        let person = self.house.api.person(&name).await;
        if matches!(caller, Caller::Admin | Caller::Demoted) {
            self.set_role(&person, Role::Admin).await;
        }
        if caller == Caller::Demoted {
            self.set_role(&person, Role::User).await;
        }
        person
    }

    /// A key of the owner's with every scope but one that the route needs; with all, where no key will do.
    pub(super) async fn key_without(&self, route: &Route) -> Key {
        let lacking = route.access.scopes().first();
        let scopes: Vec<_> = Scope::ALL.iter().filter(|scope| Some(*scope) != lacking).collect();
        let names: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
        let name = format!("without {}", lacking.map_or("nothing", |scope| scope.as_str()));
        let listed = self.house.api.get("/keys", &self.owner.token).await.json;
        let old = listed["keys"].as_array().unwrap().iter().find(|key| key["name"] == name.as_str());
        if let Some(old) = old {
            let path = format!("/keys/{}", old["id"].as_str().unwrap());
            self.house.api.call(Method::DELETE, &path, &self.owner.token, &Value::Null).await;
        }
        let body = json!({ "name": name, "scopes": names });
        let made = self.house.api.post("/keys", &self.owner.token, body).await;
        assert_eq!(made.status, 201, "{made:?}");
        Key { id: made.text("id"), text: made.text("key") }
    }

    /// New records of the owner's for the route to be asked about, in a state in which it will do.
    pub(super) async fn about(&self, route: &Route) -> Mine {
        let api = &self.house.api;
        let token = self.owner.token.as_str();
        let hook = format!("{}/webhook-test", api.base);
        let mut mine = Mine {
            job: "job_018bcfe568007abcabababababababab".to_owned(),
            key: String::new(),
            endpoint: String::new(),
            delivery: NO_DELIVERY.to_owned(),
        };
        match route.access {
            Access::Key => mine.key = api.key(token, &["read"]).await.id,
            Access::Endpoint(_) => {
                let listed = api.get("/webhooks", token).await.json;
                for old in listed["endpoints"].as_array().unwrap() {
                    let path = format!("/webhooks/{}", old["id"].as_str().unwrap());
                    api.call(Method::DELETE, &path, token, &Value::Null).await;
                }
                let made = api.post("/webhooks", token, json!({ "url": hook, "enabled": false })).await;
                assert_eq!(made.status, 201, "{made:?}");
                mine.endpoint = made.text("id");
            }
            Access::Job(_) if route.path.ends_with("/redeliver") => {
                mine.job = api.job(token, json!({ "taskName": "a", "run": true, "webhookUrl": hook })).await;
                let row = api.until_delivery(token, &mine.job, |row| row["state"] == "delivered").await;
                mine.delivery = row["id"].as_str().unwrap().to_owned();
            }
            Access::Job(_) => {
                let schedule =
                    json!({ "startTime": "2099-01-01T00:00:00Z", "recurrence": { "interval": "yearly" } });
                mine.job = api.job(token, json!({ "taskName": "report", "schedule": schedule })).await;
                if route.path.ends_with("/rerun") {
                    let path = format!("/jobs/{}/cancel", mine.job);
                    assert_eq!(api.post(&path, token, Value::Null).await.status, 200);
                }
            }
            _ => {}
        }
        mine
    }

    /// A body with which the route does what it is for.
    pub(super) fn body(&self, route: &Route) -> Value {
        let hook = format!("{}/webhook-test", self.house.api.base);
        match (route.method, route.path) {
            ("PATCH" | "PUT", "/profile") => json!({ "name": "renamed" }),
            ("DELETE", "/profile") => json!({ "password": PASSWORD }),
            ("POST", "/profile/password") => {
                json!({ "currentPassword": PASSWORD, "newPassword": "staples of many horses" })
            }
            ("POST", "/keys") => json!({ "name": "made", "scopes": ["read"] }),
            ("POST", "/jobs" | "/create-job") => json!({ "taskName": "made" }),
            ("POST", "/jobs/batch") => json!({ "jobs": [{ "taskName": "made" }] }),
            ("PUT" | "PATCH", "/jobs/{id}") => json!({ "priority": "high" }),
            ("POST", "/schedules/preview") => json!({ "schedule": { "recurrence": { "cron": "@daily" } } }),
            ("POST", "/deliveries/redeliver") => json!({ "since": "2020-01-01T00:00:00Z" }),
            ("POST", "/webhooks") => json!({ "url": hook, "enabled": false }),
            ("PATCH", "/webhooks/{id}") => json!({ "enabled": false, "description": "changed" }),
            _ => Value::Null,
        }
    }

    pub(super) async fn ask(&self, method: &Method, path: &str, shown: &Shown, body: &Value) -> Reply {
        let mut request = self.house.api.request(method.clone(), path);
        for (name, value) in shown {
            request = request.header(name, value);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        Reply::to(request).await.unwrap()
    }

    /// Waits until nothing is under way.
    pub(super) async fn settled(&self) {
        let engine = self.house.system.engine();
        until("no message lies in a queue", || async {
            let idle = topology::ALL.iter().all(|queue| {
                let depth = engine.queue_depth(queue.name).unwrap();
                (depth.visible, depth.in_flight, depth.delayed) == (0, 0, 0)
            });
            idle.then_some(())
        })
        .await;
    }

    /// Every record, but for what counts requests and tells when a key was last used.
    pub(super) async fn records(&self) -> Records {
        let mut all = Records::new();
        let mut pages = self.table.scan().table_name(TABLE).consistent_read(true).into_paginator().send();
        while let Some(page) = pages.next().await {
            for mut item in page.unwrap().items.unwrap_or_default() {
                let text = |name: &str| item[name].as_s().unwrap().clone();
                let key = (text("pk"), text("sk"));
                if !key.0.starts_with("RATE#") {
                    item.remove("lastUsedAt");
                    all.insert(key, item);
                }
            }
        }
        all
    }

    /// What tells of the owner.
    pub(super) async fn owned(&self) -> Records {
        let mut all = self.records().await;
        all.retain(|key, item| format!("{key:?} {item:?}").contains(&self.owner.id));
        all
    }

    /// That the records are the same now, but for those that expired; and nothing was sent either.
    pub(super) async fn same(&self, before: &Records, what: &str) {
        let after = self.records().await;
        for (key, item) in before {
            let expired = |item: &HashMap<String, AttributeValue>| {
                let expires = item.get("expiresAt").and_then(|value| value.as_n().ok()?.parse::<i64>().ok());
                expires.is_some_and(|expires| expires <= self.house.now().as_millis() / 1_000)
            };
            let now = after.get(key);
            assert!(now == Some(item) || expired(item), "{what}: {key:?} was {item:?} and is {now:?}");
        }
        for (key, item) in &after {
            assert!(before.contains_key(key), "{what}: {key:?} was added: {item:?}");
        }
        for queue in topology::ALL {
            let depth = self.house.system.engine().queue_depth(queue.name).unwrap();
            let depth = (depth.visible, depth.in_flight, depth.delayed);
            assert_eq!(depth, (0, 0, 0), "{what}: a message was sent to {}", queue.name);
        }
    }
}
