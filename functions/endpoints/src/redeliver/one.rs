//! One delivery, sent again.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use domain::delivery::{Delivery, DeliveryState};
use domain::id::{JobId, WebhookId};
use domain::job::Job;
use edge::rate::Standing;
use edge::{Answer, Caller, Code, PathId, Problem};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::Receivers;
use crate::{App, queue_failed};

/// That a delivery is sent again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Redelivered {
    /// In words.
    message: &'static str,
    /// Which delivery.
    #[schema(value_type = String, example = "msg_0190f6d2c0de8abc8def0123456789ab")]
    delivery_id: WebhookId,
    /// In which round of attempts: 0 is the first.
    round: u32,
}

/// Sends a delivery again, that was delivered, is dead or was skipped: under the same `webhook-id`, to where its
/// receiver is now. To ask again before it is tried is the same as once.
#[utoipa::path(post, path = "/jobs/{id}/deliveries/{deliveryId}/redeliver", operation_id = "redeliver",
    tag = "deliveries", security(("bearer" = [])),
    params(("id" = String, Path, description = "The job's id"),
        ("deliveryId" = String, Path, description = "The delivery's id, which is its `webhook-id`")),
    responses((status = 202, body = Redelivered, description = "It is sent soon"),
        (status = 404, description = "There is no such delivery of yours", body = edge::problem::Document),
        (status = 409, description = "It is still being tried, or cannot be sent", body = edge::problem::Document)))]
pub(crate) async fn redeliver(
    State(app): State<App>,
    caller: Caller,
    PathId(job): PathId<JobId>,
    PathId(id): PathId<WebhookId>,
) -> Answer<(StatusCode, Standing, Json<Redelivered>)> {
    let job = app.job(&caller, job).await?;
    let found = app.store().delivery(job.id, id).await?;
    let delivery = found.ok_or_else(|| Problem::not_found("delivery"))?;
    let (standing, redelivered) = app.redeliver(&caller, &job, &delivery).await?;
    Ok((StatusCode::ACCEPTED, standing, Json(redelivered)))
}

impl App {
    /// The job, if it is the caller's or the caller is an admin; somebody else's job is as good as none.
    async fn job(&self, caller: &Caller, id: JobId) -> Answer<Job> {
        boot::trace::about(id);
        let job = self.store().job(id, self.ambient().now()).await?;
        job.filter(|job| job.user_id == caller.user.id || caller.is_admin())
            .ok_or_else(|| Problem::not_found("job"))
    }

    /// Sends the message; the record is the business of whoever receives it. A lost answer: to ask again sends the
    /// message of the same round once more.
    async fn redeliver(
        &self,
        caller: &Caller,
        job: &Job,
        delivery: &Delivery,
    ) -> Answer<(Standing, Redelivered)> {
        if matches!(delivery.state, DeliveryState::Pending | DeliveryState::Retrying) {
            return Err(Problem::new(Code::Conflict, "the delivery is still being tried"));
        }
        let receivers = match delivery.endpoint_id.endpoint() {
            Some(_) => self.receivers(delivery.user_id).await?,
            None => Receivers::new(),
        };
        let message = self.message(delivery, job, &receivers).await?;
        let message = message.map_err(|reason| {
            Problem::new(Code::Conflict, format!("the delivery cannot be sent again: {reason}"))
        })?;
        // Only what can be sent counts against the limit.
        let (user, now) = (caller.user.id.to_string(), self.ambient().now());
        let standing = self.redeliveries().count(self.store(), &user, now).await?;
        self.queues.send(std::slice::from_ref(&message), Duration::ZERO).await.map_err(queue_failed)?;
        tracing::info!(webhook = %delivery.id, job = %job.id, round = message.round, "sent again");
        let told = "Delivery is sent again";
        Ok((standing, Redelivered { message: told, delivery_id: delivery.id, round: message.round }))
    }
}
