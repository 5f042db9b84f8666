//! Every route, and who may use it. A route that is not here fails the tests.

use std::collections::BTreeSet;

/// Who may use a route, and on what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody; a request without anything is answered so.
    Public(u16),
    /// Whoever has a token, on what is their own.
    Own,
    /// The owner of the job that the request names.
    Job,
}

use Access::{Job, Own, Public};

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
    canonical("POST", "/logout", Own),
    also("POST", "/users/logout", Own),
    canonical("GET", "/profile", Own),
    also("GET", "/user", Own),
    also("GET", "/users/profile", Own),
    canonical("POST", "/jobs", Own),
    also("POST", "/create-job", Own),
    canonical("POST", "/jobs/batch", Own),
    canonical("GET", "/jobs", Own),
    also("GET", "/filter", Own),
    also("GET", "/get-jobs", Own),
    canonical("GET", "/jobs/{id}", Job),
    canonical("PUT", "/jobs/{id}", Job),
    canonical("PATCH", "/jobs/{id}", Job),
    canonical("DELETE", "/jobs/{id}", Job),
    also("DELETE", "/delete-job/{id}", Job),
    also("DELETE", "/delete-job", Job),
    canonical("POST", "/jobs/{id}/run", Job),
    also("POST", "/run-job/{id}", Job),
    canonical("POST", "/jobs/{id}/rerun", Job),
    canonical("POST", "/jobs/{id}/cancel", Job),
    canonical("GET", "/jobs/{id}/logs", Job),
    canonical("GET", "/jobs/{id}/deliveries", Job),
    also("GET", "/get-logs/{id}", Job),
    also("GET", "/get-logs", Job),
    canonical("GET", "/deliveries", Own),
    canonical("GET", "/webhooks/secret", Own),
    canonical("POST", "/webhooks/secret/rotate", Own),
    canonical("POST", "/webhook-test", Public(401)),
    canonical("GET", "/health", Public(200)),
    canonical("GET", "/openapi.json", Public(200)),
    canonical("GET", "/docs", Public(200)),
    also("GET", "/docs/errors/{code}", Public(404)),
];

impl Route {
    /// Its paths about this job; for other routes, its one path.
    pub(crate) fn paths(&self, job: &str) -> Vec<String> {
        match self.path {
            "/delete-job" | "/get-logs" => {
                ["id", "jobId"].map(|name| format!("{}?{name}={job}", self.path)).to_vec()
            }
            path => vec![path.replace("{id}", job).replace("{code}", "none")],
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
