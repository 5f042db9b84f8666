//! Answers: an endpoint with its ETag.

use axum::Json;
use axum::response::{IntoResponse, Response};
use domain::endpoint::Endpoint;
use domain::health::{Health, Subject};
use edge::Answer;
use edge::if_match::etag;
use edge::views::EndpointView;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{App, headers};

/// An endpoint, and what was done to it.
#[derive(Serialize, ToSchema)]
pub(crate) struct EndpointAnswer {
    #[serde(flatten)]
    endpoint: EndpointView,
    /// What was done.
    message: &'static str,
}

/// What was done.
#[derive(Serialize, ToSchema)]
#[schema(as = EndpointDone)]
pub(crate) struct Done {
    /// In words.
    pub(crate) message: &'static str,
    /// To which endpoint.
    pub(crate) id: String,
}

impl App {
    /// The endpoint as its owner sees it.
    pub(crate) async fn view(&self, endpoint: &Endpoint, health: &Health) -> Answer<EndpointView> {
        let headers = self.headers_of(endpoint).await?;
        let shown = headers.as_deref().map(headers::shown);
        Ok(EndpointView::new(endpoint, health, shown, self.ambient().now()))
    }

    /// The endpoint as its owner sees it, and what was done.
    pub(crate) async fn answer(
        &self,
        endpoint: &Endpoint,
        health: &Health,
        message: &'static str,
    ) -> Answer<Response> {
        let view = self.view(endpoint, health).await?;
        Ok(([etag(endpoint.version)], Json(EndpointAnswer { endpoint: view, message })).into_response())
    }

    /// What is known of an endpoint.
    pub(crate) async fn health(&self, endpoint: &Endpoint) -> Answer<Health> {
        let subject = Subject::endpoint(endpoint.id);
        Ok(self.store().health(&subject, self.ambient().now()).await?)
    }
}
