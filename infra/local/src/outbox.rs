//! `GET /local/outbox`: the e-mails that a deployment would have sent.

use axum::routing::get;
use axum::{Json, Router};
use engine::{Engine, SentMail};
use serde::Serialize;

#[derive(Serialize)]
struct Outbox {
    mails: Vec<SentMail>,
}

/// The route. It asks for no token: it exists on this machine alone, where whoever reads the folder reads all.
pub(crate) fn routes(engine: Engine) -> Router {
    Router::new().route(
        "/local/outbox",
        get(move || {
            let mut mails = engine.sent_mail();
            mails.reverse();
            async move { Json(Outbox { mails }) }
        }),
    )
}
