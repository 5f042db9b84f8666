//! Who gets which answer from which route: every route of the table, and everybody who could ask.
//!
//! A refused call changes nothing: the whole table is the same before and after it. What another user is told of a
//! record is what they are told of one that does not exist.

pub(crate) mod credentials;
mod scene;

use std::collections::BTreeSet;

use domain::user::Role;
use http::Method;
use serde_json::{Value, json};

use self::credentials::{Shown, bearer, unbelievable};
use self::scene::Scene;
use crate::deployed::isolation::NOWHERE;
use crate::house::{House, Person, Reply};
use crate::routes::{Access, Route, TABLE};

/// Those who ask. What a route is asked about is the owner's, wherever it is about a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    /// Everybody whose credentials must not be believed: without a token, with garbage, with a token that is
    /// forged, has expired, was logged out, or is from before a change of the password; with a key that was
    /// revoked, has expired or never was; with a token or a key of a deleted user.
    Unbelieved,
    /// The owner, with an API key that has every scope but one that is needed.
    Key,
    /// Another user.
    Other,
    /// A user who was an admin until just now, with the token of that time.
    Demoted,
    /// The owner.
    Owner,
    /// An admin.
    Admin,
}

use Caller::{Admin, Demoted, Key, Other, Owner, Unbelieved};

const CALLERS: [Caller; 6] = [Unbelieved, Key, Other, Demoted, Owner, Admin];

/// The answers, in the order of [`CALLERS`].
#[rustfmt::skip]
const ANSWERS: &[(&str, &str, [u16; 6])] = &[
    //                                                      unbelieved  key  other  demoted  owner  admin
    ("POST",   "/register",                                      [400,  400,  400,   400,    400,   400]),
    ("POST",   "/users/register",                                [400,  400,  400,   400,    400,   400]),
    ("POST",   "/login",                                         [400,  400,  400,   400,    400,   400]),
    ("POST",   "/users/login",                                   [400,  400,  400,   400,    400,   400]),
    ("POST",   "/logout",                                        [401,  403,  200,   200,    200,   200]),
    ("POST",   "/users/logout",                                  [401,  403,  200,   200,    200,   200]),
    ("GET",    "/profile",                                       [401,  403,  200,   200,    200,   200]),
    ("GET",    "/user",                                          [401,  403,  200,   200,    200,   200]),
    ("GET",    "/users/profile",                                 [401,  403,  200,   200,    200,   200]),
    ("PATCH",  "/profile",                                       [401,  403,  200,   200,    200,   200]),
    ("PUT",    "/profile",                                       [401,  403,  200,   200,    200,   200]),
    ("DELETE", "/profile",                                       [401,  403,  200,   200,    200,   200]),
    ("POST",   "/profile/password",                              [401,  403,  200,   200,    200,   200]),
    ("POST",   "/keys",                                          [401,  403,  201,   201,    201,   201]),
    ("GET",    "/keys",                                          [401,  403,  200,   200,    200,   200]),
    ("DELETE", "/keys/{id}",                                     [401,  403,  404,   404,    200,   404]),
    ("GET",    "/users",                                         [401,  403,  403,   403,    403,   200]),
    ("GET",    "/admin/dead-letters",                            [401,  403,  403,   403,    403,   200]),
    ("POST",   "/admin/dead-letters/redrive",                    [401,  403,  403,   403,    403,   202]),
    ("POST",   "/jobs",                                          [401,  403,  201,   201,    201,   201]),
    ("POST",   "/create-job",                                    [401,  403,  201,   201,    201,   201]),
    ("POST",   "/jobs/batch",                                    [401,  403,  207,   207,    207,   207]),
    ("GET",    "/jobs",                                          [401,  403,  200,   200,    200,   200]),
    ("GET",    "/filter",                                        [401,  403,  200,   200,    200,   200]),
    ("GET",    "/get-jobs",                                      [401,  403,  200,   200,    200,   200]),
    ("GET",    "/jobs/{id}",                                     [401,  403,  404,   404,    200,   200]),
    ("PUT",    "/jobs/{id}",                                     [401,  403,  404,   404,    200,   200]),
    ("PATCH",  "/jobs/{id}",                                     [401,  403,  404,   404,    200,   200]),
    ("DELETE", "/jobs/{id}",                                     [401,  403,  404,   404,    200,   200]),
    ("DELETE", "/delete-job/{id}",                               [401,  403,  404,   404,    200,   200]),
    ("DELETE", "/delete-job",                                    [401,  403,  404,   404,    200,   200]),
    ("POST",   "/jobs/{id}/run",                                 [401,  403,  404,   404,    202,   202]),
    ("POST",   "/run-job/{id}",                                  [401,  403,  404,   404,    202,   202]),
    ("POST",   "/jobs/{id}/rerun",                               [401,  403,  404,   404,    202,   202]),
    ("POST",   "/jobs/{id}/cancel",                              [401,  403,  404,   404,    200,   200]),
    ("POST",   "/jobs/{id}/pause",                               [401,  403,  404,   404,    200,   200]),
    ("POST",   "/jobs/{id}/resume",                              [401,  403,  404,   404,    200,   200]),
    ("GET",    "/jobs/{id}/logs",                                [401,  403,  404,   404,    200,   200]),
    ("GET",    "/jobs/{id}/runs",                                [401,  403,  404,   404,    200,   200]),
    ("GET",    "/jobs/{id}/deliveries",                          [401,  403,  404,   404,    200,   200]),
    ("GET",    "/get-logs/{id}",                                 [401,  403,  404,   404,    200,   200]),
    ("GET",    "/get-logs",                                      [401,  403,  404,   404,    200,   200]),
    ("GET",    "/deliveries",                                    [401,  403,  200,   200,    200,   200]),
    ("POST",   "/jobs/{id}/deliveries/{deliveryId}/redeliver",   [401,  403,  404,   404,    202,   202]),
    ("POST",   "/deliveries/redeliver",                          [401,  403,  202,   202,    202,   202]),
    ("POST",   "/schedules/preview",                             [401,  403,  200,   200,    200,   200]),
    ("GET",    "/webhooks/secret",                               [401,  403,  200,   200,    200,   200]),
    ("POST",   "/webhooks/secret/rotate",                        [401,  403,  200,   200,    200,   200]),
    ("POST",   "/webhooks",                                      [401,  403,  201,   201,    201,   201]),
    ("GET",    "/webhooks",                                      [401,  403,  200,   200,    200,   200]),
    ("GET",    "/webhooks/{id}",                                 [401,  403,  404,   404,    200,   404]),
    ("PATCH",  "/webhooks/{id}",                                 [401,  403,  404,   404,    200,   404]),
    ("DELETE", "/webhooks/{id}",                                 [401,  403,  404,   404,    200,   404]),
    ("POST",   "/webhooks/{id}/rotate",                          [401,  403,  404,   404,    200,   404]),
    ("POST",   "/webhooks/{id}/test",                            [401,  403,  404,   404,    200,   404]),
    ("POST",   "/webhook-test",                                  [401,  401,  401,   401,    401,   401]),
    ("GET",    "/health",                                        [200,  200,  200,   200,    200,   200]),
    ("GET",    "/openapi.json",                                  [200,  200,  200,   200,    200,   200]),
    ("GET",    "/docs",                                          [200,  200,  200,   200,    200,   200]),
    ("GET",    "/docs/errors/{code}",                            [404,  404,  404,   404,    404,   404]),
];

/// The row of a route.
fn answers(route: &Route) -> impl Iterator<Item = (Caller, u16)> {
    let row = ANSWERS.iter().find(|(method, path, _)| (*method, *path) == (route.method, route.path));
    let (_, _, answers) = row.unwrap_or_else(|| panic!("{} {} has no row", route.method, route.path));
    CALLERS.into_iter().zip(*answers)
}

#[test]
fn every_route_has_one_row() {
    let rows: BTreeSet<_> = ANSWERS.iter().map(|(method, path, _)| (*method, *path)).collect();
    let routes: BTreeSet<_> = TABLE.iter().map(|route| (route.method, route.path)).collect();
    assert_eq!(rows, routes);
    assert_eq!((ANSWERS.len(), TABLE.len()), (rows.len(), routes.len()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_refused_is_told_so_and_changes_nothing() {
    let house = House::new().await;
    let scene = Scene::new(&house).await;
    let unbelieved = unbelievable(&house, &scene.owner).await;
    for route in TABLE {
        let (about, key) = (scene.about(route).await, scene.key_without(route).await);
        scene.settled().await;
        let before = scene.records().await;
        let (method, body): (Method, _) = (route.method.parse().unwrap(), scene.body(route));
        for (caller, status) in answers(route).filter(|(_, status)| *status >= 400) {
            let credentials: Vec<(&str, Shown)> = match caller {
                Unbelieved => unbelieved.clone(),
                Key => vec![("a key", bearer(&key.text))],
                _ => vec![("a session", bearer(&scene.person(caller).token))],
            };
            for path in about.paths(route).iter().flat_map(|path| [path.clone(), format!("/api{path}")]) {
                for (name, shown) in &credentials {
                    let what = format!("{method} {path} by {caller:?} with {name}");
                    let reply = scene.ask(&method, &path, shown, &body).await;
                    reply.problem(status, &what);
                    if caller == Unbelieved && !matches!(route.access, Access::Public(_)) {
                        challenged(&reply, name, &what);
                    }
                }
            }
            scene.same(&before, &format!("{} {} by {caller:?}", route.method, route.path)).await;
        }
    }
}

/// That it says how to do better, and tells a token that has expired from the others.
fn challenged(reply: &Reply, name: &str, what: &str) {
    let challenge = reply.headers["www-authenticate"].to_str().unwrap();
    assert!(challenge.starts_with("Bearer"), "{what}: {challenge}");
    let kind = reply.json["type"] == "/docs/errors/token-expired";
    assert_eq!(kind, name == "an expired token", "{what}: {}", reply.json);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_user_is_told_of_a_record_what_is_told_of_none() {
    let house = House::new().await;
    let scene = Scene::new(&house).await;
    let mut asked = 0;
    for route in TABLE.iter().filter(|route| answers(route).any(|cell| cell == (Other, 404))) {
        if matches!(route.access, Access::Public(_)) {
            continue;
        }
        let about = scene.about(route).await;
        let (method, body): (Method, _) = (route.method.parse().unwrap(), scene.body(route));
        for caller in [Other, Demoted] {
            let shown = bearer(&scene.person(caller).token);
            for (path, nowhere) in about.paths(route).into_iter().zip(route.paths(NOWHERE)) {
                let mut told = Vec::new();
                for path in [path, nowhere] {
                    let mut reply = scene.ask(&method, &path, &shown, &body).await;
                    reply.json["requestId"] = Value::Null;
                    reply.json["traceId"] = Value::Null;
                    let allow = reply.headers.get("allow").cloned();
                    told.push((reply.status, reply.json, allow, reply.headers.len()));
                }
                assert_eq!(told[0], told[1], "{method} {} by {caller:?}", route.path);
                asked += 1;
            }
        }
    }
    assert!(asked >= 2 * 25, "{asked}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_let_in_gets_what_the_table_says_and_touches_nothing_of_others() {
    let house = House::new().await;
    let scene = Scene::new(&house).await;
    for route in TABLE {
        let (method, body): (Method, _) = (route.method.parse().unwrap(), scene.body(route));
        for (caller, status) in answers(route).filter(|(_, status)| *status < 400) {
            let about = scene.about(route).await;
            let path = about.paths(route).swap_remove(0);
            let shown = match caller {
                Unbelieved => Vec::new(),
                Key => bearer(&scene.key_without(route).await.text),
                // What ends a session or an account is done by somebody who is needed no more.
                _ if scene::ends_it(route) => bearer(&scene.stranger(caller).await.token),
                _ => bearer(&scene.person(caller).token),
            };
            let what = format!("{method} {path} by {caller:?}");
            let mut owned = None;
            if matches!(caller, Other | Demoted) && !matches!(route.access, Access::Public(_)) {
                scene.settled().await;
                owned = Some(scene.owned().await);
            }
            let reply = scene.ask(&method, &path, &shown, &body).await;
            assert_eq!(reply.status, status, "{what}: {}", reply.json);
            if let Some(owned) = owned {
                assert_eq!(scene.owned().await, owned, "{what} touched what is the owner's");
                assert!(!reply.json.to_string().contains(&scene.owner.id), "{what}: {}", reply.json);
            }
        }
    }
}

/// Of a role what is in the table counts, not what was when the token was issued.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_is_taken_away_is_gone_at_once() {
    let house = House::new().await;
    let scene = Scene::new(&house).await;
    let admin: &Person = &scene.admin;
    let key = house.api.key(&admin.token, &["read"]).await.text;
    let job = house.api.job(&scene.owner.token, json!({ "taskName": "a" })).await;
    for (role, status) in [(Role::Admin, 200), (Role::User, 404), (Role::Admin, 200)] {
        scene.set_role(admin, role).await;
        for token in [&admin.token, &key] {
            assert_eq!(house.api.get(&format!("/jobs/{job}"), token).await.status, status, "{role:?}");
            let users = house.api.get("/users", token).await.status;
            assert_eq!(users, if role == Role::Admin { 200 } else { 403 }, "{role:?}");
        }
    }
}
