//! Where an answer leads: which operations take what it tells.

use serde_json::{Value, json};
use utoipa::openapi::link::{Link, LinkBuilder};
use utoipa::openapi::{OpenApi, RefOr};

/// From an answer of an operation, what of it goes where.
struct Leads {
    from: &'static str,
    status: &'static str,
    /// Parameters and where their values stand.
    with: &'static [(&'static str, &'static str)],
    to: &'static [&'static str],
}

const ID: &str = "$response.body#/id";
const SAME: &str = "$request.path.id";

const LEADS: [Leads; 8] = [
    Leads {
        from: "create",
        status: "201",
        with: &[("id", ID)],
        to: &[
            "one",
            "put",
            "patch",
            "delete",
            "logs",
            "runs_of_job",
            "of_job",
            "run",
            "rerun",
            "cancel",
            "pause",
            "resume",
        ],
    },
    Leads {
        from: "run",
        status: "202",
        with: &[("id", SAME)],
        to: &["one", "run", "rerun", "cancel", "delete", "runs_of_job", "of_job"],
    },
    Leads { from: "cancel", status: "200", with: &[("id", SAME)], to: &["one", "run", "rerun", "cancel"] },
    Leads {
        from: "delete",
        status: "200",
        with: &[("id", SAME)],
        to: &["one", "patch", "delete", "run", "logs"],
    },
    Leads {
        from: "of_job",
        status: "200",
        with: &[("id", SAME), ("deliveryId", "$response.body#/deliveries/0/id")],
        to: &["redeliver"],
    },
    Leads {
        from: "create_webhook",
        status: "201",
        with: &[("id", ID)],
        to: &["read_webhook", "change_webhook", "delete_webhook", "rotate_webhook_secret", "test_webhook"],
    },
    Leads {
        from: "delete_webhook",
        status: "200",
        with: &[("id", SAME)],
        to: &["read_webhook", "change_webhook", "delete_webhook", "test_webhook"],
    },
    Leads { from: "create_key", status: "201", with: &[("id", ID)], to: &["revoke_key"] },
];

/// Adds them to the answers.
pub(super) fn add(document: &mut OpenApi) {
    for Leads { from, status, with, to } in LEADS {
        for name in to {
            let link =
                with.iter().fold(LinkBuilder::new().operation_id(*name), |link, (parameter, place)| {
                    link.parameter(*parameter, *place)
                });
            lead(document, from, status, name, link.build());
        }
    }
    let credentials: Value =
        json!({ "email": "$request.body#/email", "password": "$request.body#/password" });
    let login = LinkBuilder::new().operation_id("login").request_body(Some(credentials)).build();
    lead(document, "register", "201", "login", login);
}

fn lead(document: &mut OpenApi, from: &str, status: &str, name: &str, link: Link) {
    let operations = document.paths.paths.values_mut().flat_map(super::operations);
    for operation in operations.filter(|one| one.operation_id.as_deref() == Some(from)) {
        if let Some(RefOr::T(answer)) = operation.responses.responses.get_mut(status) {
            answer.links.insert(name.to_owned(), link.clone().into());
        }
    }
}
