//! How a function's routes become a Lambda.

use std::pin::Pin;

use axum::Router;
use axum::response::Response;
use http::StatusCode;
use http_body_util::BodyExt;
use lambda_http::{Body, Error, IntoResponse, Request};
use tower::ServiceExt;

/// Answers the events of API Gateway with these routes, for as long as the process lives.
pub async fn run(routes: Router) -> Result<(), Error> {
    lambda_http::run(ServiceExt::<Request>::map_response(routes, Answered)).await
}

/// An answer on its way out. All that is text here is UTF-8, and needs none of the tables of other character sets that the
/// library's own way has in it: they were a thirtieth of a function's zip.
struct Answered(Response);

impl IntoResponse for Answered {
    fn into_response(self) -> Pin<Box<dyn Future<Output = http::Response<Body>> + Send>> {
        Box::pin(async move {
            let (mut parts, body) = self.0.into_parts();
            let body = match body.collect().await {
                Ok(body) => match String::from_utf8(body.to_bytes().into()) {
                    Ok(text) => Body::Text(text),
                    Err(other) => Body::Binary(other.into_bytes()),
                },
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "an answer broke off");
                    parts.status = StatusCode::INTERNAL_SERVER_ERROR;
                    Body::Empty
                }
            };
            http::Response::from_parts(parts, body)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sent(body: impl Into<axum::body::Body>) -> http::Response<Body> {
        let answer = Response::builder().status(201).header("x-kept", "yes").body(body.into()).unwrap();
        Answered(answer).into_response().await
    }

    #[tokio::test]
    async fn text_goes_out_as_text_and_the_rest_as_bytes() {
        let text = sent("Grüße").await;
        assert_eq!((text.status().as_u16(), &text.headers()["x-kept"]), (201, &"yes".parse().unwrap()));
        assert_eq!(text.into_body(), Body::Text("Grüße".to_owned()));
        assert_eq!(sent("").await.into_body(), Body::Text(String::new()));
        assert_eq!(sent(vec![0xff, 0xfe]).await.into_body(), Body::Binary(vec![0xff, 0xfe]));
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_is_an_error_and_not_half_an_answer() {
        let pieces = [Ok("{\"id\":"), Err(std::io::Error::other("gone"))];
        let broken = sent(axum::body::Body::from_stream(futures::stream::iter(pieces))).await;
        assert_eq!((broken.status().as_u16(), broken.into_body()), (500, Body::Empty));
    }
}
