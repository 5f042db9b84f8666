//! `GET /local/outbox`: the e-mails that a deployment would have sent.

use axum::routing::get;
use axum::{Json, Router};
use edge::Answer;
use engine::{Engine, SentMail};
use http::{HeaderMap, Uri};
use serde::Serialize;

use crate::hosts::Privacy;

#[derive(Serialize)]
struct Outbox {
    mails: Vec<SentMail>,
}

/// The route, for this machine alone.
pub(crate) fn routes(engine: Engine, privacy: Privacy) -> Router {
    Router::new().route(
        "/local/outbox",
        get(move |uri: Uri, headers: HeaderMap| {
            let outbox = read(&engine, privacy, &uri, &headers);
            async move { outbox.map(Json) }
        }),
    )
}

fn read(engine: &Engine, privacy: Privacy, uri: &Uri, headers: &HeaderMap) -> Answer<Outbox> {
    privacy.admit("the outbox", uri, headers)?;
    let mut mails = engine.sent_mail();
    mails.reverse();
    Ok(Outbox { mails })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::Body;
    use boot::clock::SystemClock;
    use http::Request;
    use http::header::HOST;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;
    use crate::hosts::names;

    async fn asked(listens_on: &str, uri: &str, hosts: &[&str]) -> (u16, String) {
        let engine = Engine::open(engine::Options { data_dir: None, clock: Arc::new(SystemClock) }).unwrap();
        let routes = routes(engine, Privacy::new(listens_on.parse().unwrap()));
        let routes = edge::router::finish(routes, edge::CorsPolicy::default());
        let mut request = Request::builder().uri(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let answer = routes.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    const OUTBOX: &str = "/local/outbox";

    #[tokio::test]
    async fn answers_by_the_names_of_this_machine() {
        for name in names::OF_THIS_MACHINE {
            let told = asked("127.0.0.1:3000", OUTBOX, &[name]).await;
            assert_eq!(told, (200, "{\"mails\":[]}".to_owned()), "{name}");
        }
        // HTTP/2 and requests to a proxy name the host in the address.
        assert_eq!(asked("[::1]:3000", "http://localhost:3000/local/outbox", &[]).await.0, 200);
    }

    #[tokio::test]
    async fn a_name_that_was_made_to_lead_here_leads_nowhere() {
        for names in names::OF_OTHERS {
            let (status, told) = asked("127.0.0.1:3000", OUTBOX, names).await;
            assert!(status == 403 && told.contains("answers only at localhost"), "{names:?}: {told}");
            assert!(!told.contains("mails"), "{told}");
        }
        assert_eq!(asked("127.0.0.1:3000", "http://evil.example/local/outbox", &[]).await.0, 403);
        assert_eq!(asked("127.0.0.1:3000", "http://localhost/local/outbox", &["evil.example"]).await.0, 403);
    }

    #[tokio::test]
    async fn there_is_none_where_others_get_in() {
        for address in ["0.0.0.0:3000", "192.168.1.7:3000", "[::]:3000"] {
            let (status, told) = asked(address, OUTBOX, &["localhost:3000"]).await;
            assert!(status == 404 && told.contains("loopback"), "{address}: {told}");
        }
    }
}
