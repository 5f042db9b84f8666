//! Every route, and who may use it. A route that is not here fails the tests.

use std::collections::BTreeSet;

use domain::api_key::Scope;

/// Who may use a route, and on what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody; a request without anything is answered so.
    Public(u16),
    /// Whoever has a session, on their own account. No API key will do.
    Session,
    /// The owner of the API key that the request names, in a session. No API key will do.
    Key,
    /// Whoever has a session or a key with this scope, on what is their own.
    Own(Scope),
    /// The owner of the job that the request names, or an admin, with a session or a key with this scope.
    Job(Scope),
    /// An admin, with a session or a key with this scope.
    Admin(Scope),
}

use Access::{Admin, Job, Key, Own, Public, Session};
use Scope::{Read, Run, Write};

/// A route.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    /// Whether it is the name that the description of the API uses.
    pub(crate) canonical: bool,
}

const fn canonical(method: &'static str, path: &'static str, access: Access) -> Route {
    Route { method, path, access, canonical: true }
}

const fn also(method: &'static str, path: &'static str, access: Access) -> Route {
    Route { method, path, access, canonical: false }
}

/// The table.
pub(crate) const TABLE: &[Route] = &[
    canonical("POST", "/register", Public(400)),
    also("POST", "/users/register", Public(400)),
    canonical("POST", "/login", Public(400)),
    also("POST", "/users/login", Public(400)),
    canonical("POST", "/logout", Session),
    also("POST", "/users/logout", Session),
    canonical("GET", "/profile", Own(Read)),
    also("GET", "/user", Own(Read)),
    also("GET", "/users/profile", Own(Read)),
    canonical("PATCH", "/profile", Session),
    canonical("PUT", "/profile", Session),
    canonical("DELETE", "/profile", Session),
    canonical("POST", "/profile/password", Session),
    canonical("POST", "/keys", Session),
    canonical("GET", "/keys", Session),
    canonical("DELETE", "/keys/{id}", Key),
    canonical("GET", "/users", Admin(Read)),
    canonical("POST", "/jobs", Own(Write)),
    also("POST", "/create-job", Own(Write)),
    canonical("POST", "/jobs/batch", Own(Write)),
    canonical("GET", "/jobs", Own(Read)),
    also("GET", "/filter", Own(Read)),
    also("GET", "/get-jobs", Own(Read)),
    canonical("GET", "/jobs/{id}", Job(Read)),
    canonical("PUT", "/jobs/{id}", Job(Write)),
    canonical("PATCH", "/jobs/{id}", Job(Write)),
    canonical("DELETE", "/jobs/{id}", Job(Write)),
    also("DELETE", "/delete-job/{id}", Job(Write)),
    also("DELETE", "/delete-job", Job(Write)),
    canonical("POST", "/jobs/{id}/run", Job(Run)),
    also("POST", "/run-job/{id}", Job(Run)),
    canonical("POST", "/jobs/{id}/rerun", Job(Run)),
    canonical("POST", "/jobs/{id}/cancel", Job(Run)),
    canonical("POST", "/jobs/{id}/pause", Job(Run)),
    canonical("POST", "/jobs/{id}/resume", Job(Run)),
    canonical("GET", "/jobs/{id}/logs", Job(Read)),
    canonical("GET", "/jobs/{id}/runs", Job(Read)),
    canonical("GET", "/jobs/{id}/deliveries", Job(Read)),
    also("GET", "/get-logs/{id}", Job(Read)),
    also("GET", "/get-logs", Job(Read)),
    canonical("GET", "/deliveries", Own(Read)),
    canonical("POST", "/schedules/preview", Own(Read)),
    canonical("GET", "/webhooks/secret", Session),
    canonical("POST", "/webhooks/secret/rotate", Session),
    canonical("POST", "/webhook-test", Public(401)),
    canonical("GET", "/health", Public(200)),
    canonical("GET", "/openapi.json", Public(200)),
    canonical("GET", "/docs", Public(200)),
    also("GET", "/docs/errors/{code}", Public(404)),
];

impl Access {
    /// The scope that an API key needs; none if no key will do, or nothing is needed.
    pub(crate) fn scope(self) -> Option<Scope> {
        match self {
            Own(scope) | Job(scope) | Admin(scope) => Some(scope),
            Public(_) | Session | Key => None,
        }
    }
}

impl Route {
    /// Its paths about this record; for other routes, its one path.
    pub(crate) fn paths(&self, id: &str) -> Vec<String> {
        match self.path {
            "/delete-job" | "/get-logs" => {
                ["id", "jobId"].map(|name| format!("{}?{name}={id}", self.path)).to_vec()
            }
            path => vec![path.replace("{id}", id).replace("{code}", "none")],
        }
    }
}

/// What the functions say that they answer.
pub(crate) fn of_the_functions() -> BTreeSet<(&'static str, &'static str)> {
    [auth::ROUTES, jobs::ROUTES, run::ROUTES].concat().into_iter().collect()
}

#[test]
fn the_table_knows_every_route_and_no_other() {
    let known: BTreeSet<_> = TABLE.iter().map(|route| (route.method, route.path)).collect();
    assert_eq!(known.len(), TABLE.len());
    assert_eq!(known, of_the_functions());
}
