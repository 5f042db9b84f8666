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
    /// Whoever has a session or a key with these scopes, on what is their own.
    OwnSecret(&'static [Scope]),
    /// The owner of the webhook endpoint that the request names and nobody else, with a session or a key with these
    /// scopes.
    Endpoint(&'static [Scope]),
    /// An admin, with a session or a key with this scope.
    Admin(Scope),
}

use Access::{Admin, Endpoint, Job, Key, Own, OwnSecret, Public, Session};
use Scope::{Read, Run, Write};

/// What a route is asked about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About<'a> {
    pub(crate) job: &'a str,
    /// An API key, by its id.
    pub(crate) key: &'a str,
    pub(crate) endpoint: &'a str,
}

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
    canonical("GET", "/admin/dead-letters", Admin(Read)),
    canonical("POST", "/admin/dead-letters/redrive", Admin(Run)),
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
    canonical("POST", "/jobs/{id}/deliveries/{deliveryId}/redeliver", Job(Write)),
    canonical("POST", "/deliveries/redeliver", Own(Write)),
    canonical("POST", "/schedules/preview", Own(Read)),
    canonical("GET", "/webhooks/secret", Session),
    canonical("POST", "/webhooks/secret/rotate", Session),
    canonical("POST", "/webhooks", OwnSecret(&[Write, Read])),
    canonical("GET", "/webhooks", Own(Read)),
    canonical("GET", "/webhooks/{id}", Endpoint(&[Read])),
    canonical("PATCH", "/webhooks/{id}", Endpoint(&[Write, Read])),
    canonical("DELETE", "/webhooks/{id}", Endpoint(&[Write])),
    canonical("POST", "/webhooks/{id}/rotate", Endpoint(&[Write, Read])),
    canonical("POST", "/webhooks/{id}/test", Endpoint(&[Write, Read])),
    canonical("POST", "/webhook-test", Public(401)),
    canonical("GET", "/health", Public(200)),
    canonical("GET", "/openapi.json", Public(200)),
    canonical("GET", "/docs", Public(200)),
    also("GET", "/docs/errors/{code}", Public(404)),
];

impl Access {
    /// The scopes that an API key needs; none if no key will do, or nothing is needed.
    pub(crate) fn scopes(self) -> &'static [Scope] {
        match self {
            Own(Read) | Job(Read) | Admin(Read) => &[Read],
            Own(Write) | Job(Write) | Admin(Write) => &[Write],
            Own(Run) | Job(Run) | Admin(Run) => &[Run],
            OwnSecret(scopes) | Endpoint(scopes) => scopes,
            Public(_) | Session | Key => &[],
        }
    }

    /// Whether a key with these scopes will do.
    pub(crate) fn takes(self, scopes: &[Scope]) -> bool {
        !self.scopes().is_empty() && self.scopes().iter().all(|scope| scopes.contains(scope))
    }
}

impl Route {
    /// Its paths about the record of its kind; for other routes, its one path.
    pub(crate) fn paths(&self, about: About<'_>) -> Vec<String> {
        let id = match self.access {
            Key => about.key,
            Endpoint(_) => about.endpoint,
            _ => about.job,
        };
        match self.path {
            "/delete-job" | "/get-logs" => {
                ["id", "jobId"].map(|name| format!("{}?{name}={id}", self.path)).to_vec()
            }
            path => {
                vec![path.replace("{id}", id).replace("{deliveryId}", NO_DELIVERY).replace("{code}", "none")]
            }
        }
    }
}

/// A delivery that is not there.
pub(crate) const NO_DELIVERY: &str = "msg_018bcfe568008abcabababababababab";

/// What the functions say that they answer.
pub(crate) fn of_the_functions() -> BTreeSet<(&'static str, &'static str)> {
    [auth::ROUTES, jobs::ROUTES, run::ROUTES, endpoints::ROUTES].concat().into_iter().collect()
}

#[test]
fn the_table_knows_every_route_and_no_other() {
    let known: BTreeSet<_> = TABLE.iter().map(|route| (route.method, route.path)).collect();
    assert_eq!(known.len(), TABLE.len());
    assert_eq!(known, of_the_functions());
}
