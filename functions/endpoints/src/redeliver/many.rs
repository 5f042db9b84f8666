//! Many deliveries, sent again.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use domain::id::WebhookId;
use domain::message::Deliver;
use domain::time::Moment;
use edge::cursor::{self, Binding};
use edge::rate::Standing;
use edge::{Answer, Caller, JsonFields, Problem};
use http::StatusCode;
use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::plan::Plan;
use super::request::{RedeliveryBody, Request};
use crate::{App, queue_failed};

/// How many are sent a second: a receiver that was away shall not be flooded when it is back.
const A_SECOND: usize = 10;
/// How long messages are sent: API Gateway waits 29 s for an answer.
const LONGEST_SENDING: Duration = Duration::from_secs(12);

/// What is sent again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RedeliveredMany {
    /// How many deliveries were found, up to the limit.
    matched: usize,
    /// How many of them are sent again; none in a dry run.
    queued: usize,
    /// How many cannot be, by receiver and reason.
    not_sent: Vec<NotSent>,
    /// Whether nothing was sent because only that was asked.
    dry_run: bool,
    /// Send it in `before` to have nothing sent twice that this request has sent.
    #[schema(value_type = String, format = DateTime)]
    before: Moment,
    /// Where it goes on, or null if there are no more.
    next_cursor: Option<String>,
    /// How many are sent a second.
    rate_per_second: usize,
}

/// Deliveries that cannot be sent again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NotRedelivered)]
pub(crate) struct NotSent {
    /// The endpoint's id, or `job` or `deployment`.
    endpoint_id: String,
    /// Why they cannot.
    #[schema(example = "its endpoint was deleted")]
    reason: String,
    /// How many they are.
    count: usize,
}

/// Sends deliveries again, 10 a second, the newest events first: those that are dead or were skipped, unless `state`
/// says otherwise. `dryRun` only tells how many that would be.
///
/// Each counts against a limit of 1,000 in 15 minutes, unless the deployment has set another; where there is room for
/// some of them only, none is sent.
#[utoipa::path(post, path = "/deliveries/redeliver", operation_id = "redeliver_many", tag = "deliveries",
    security(("bearer" = [])), request_body = RedeliveryBody,
    responses((status = 200, body = RedeliveredMany, description = "What would be sent"),
        (status = 202, body = RedeliveredMany, description = "They are sent soon"),
        (status = 429, description = "There is no room for all of them", body = edge::problem::Document)))]
pub(crate) async fn redeliver(
    State(app): State<App>,
    caller: Caller,
    JsonFields { fields, .. }: JsonFields,
) -> Answer<(StatusCode, Option<Standing>, Json<RedeliveredMany>)> {
    let request = Request::read(&caller, fields, app.ambient().now())?;
    let after = app.after(&request).await?;
    let plan = app.plan(&request, after).await?;
    if request.dry_run {
        return Ok((StatusCode::OK, None, Json(app.told(&request, &plan, 0).await?)));
    }
    let (standing, plan, queued) = app.send_all(&caller, plan).await?;
    tracing::info!(user = %request.user, matched = plan.matched(), queued, "sent deliveries again");
    Ok((StatusCode::ACCEPTED, Some(standing), Json(app.told(&request, &plan, queued).await?)))
}

impl App {
    /// Counts all and sends them, ten at a time, each ten a second after those before.
    ///
    /// A crash in between, or an answer that is lost: what was sent is sent. The same request with the same `before`
    /// passes over those that have been tried since; of those that have not, the second message is of the same round
    /// and is done once. A queue that fails in between: what was sent is told, and where it goes on; what was not
    /// sent does not count.
    async fn send_all(&self, caller: &Caller, plan: Plan) -> Answer<(Standing, Plan, usize)> {
        let (messages, now) = (plan.messages(), self.ambient().now());
        let (limit, user) = (self.redeliveries(), caller.user.id.to_string());
        let many = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let standing = limit.count_many(self.store(), &user, many(messages.len()), now).await?;
        let (sent, failure) = self.send_spread(&messages).await;
        limit.take_back(self.store(), &user, many(messages.len() - sent), now).await;
        match failure {
            Some(problem) if sent == 0 => Err(problem),
            _ => Ok((standing, plan.cut(sent), sent)),
        }
    }

    /// Sends until all are sent, one send fails or time is up: how many were sent, and what failed.
    async fn send_spread(&self, messages: &[Deliver]) -> (usize, Option<Problem>) {
        let (start, mut sent) = (Instant::now(), 0);
        for (second, some) in (0..).zip(messages.chunks(A_SECOND)) {
            if start.elapsed() >= LONGEST_SENDING {
                break;
            }
            if let Err(error) = self.queues.send(some, Duration::from_secs(second)).await {
                return (sent, Some(queue_failed(error)));
            }
            sent += some.len();
        }
        (sent, None)
    }

    async fn told(&self, request: &Request, plan: &Plan, queued: usize) -> Answer<RedeliveredMany> {
        let not_sent = plan.not_sent().into_iter().map(|((to, reason), count)| NotSent {
            endpoint_id: to.to_string(),
            reason: reason.to_string(),
            count,
        });
        let next_cursor = match plan.next {
            Some(last) => {
                let binding = Binding { user: request.user, filter: &request.name() };
                cursor::seal(&*self.sessions.secrets().await?, binding, &last)
            }
            None => None,
        };
        Ok(RedeliveredMany {
            matched: plan.matched(),
            queued,
            not_sent: not_sent.collect(),
            dry_run: request.dry_run,
            before: request.before,
            next_cursor,
            rate_per_second: A_SECOND,
        })
    }

    /// Where the request goes on.
    async fn after(&self, request: &Request) -> Answer<Option<WebhookId>> {
        let Some(text) = &request.cursor else { return Ok(None) };
        let binding = Binding { user: request.user, filter: &request.name() };
        let opened = cursor::open(&*self.sessions.secrets().await?, binding, text);
        // It stands in a body here, and not in a query.
        opened.map(Some).map_err(|problem| {
            let told = problem.faults().first().map(|fault| fault.message.clone());
            Problem::at("/cursor", told.unwrap_or_default())
        })
    }
}
