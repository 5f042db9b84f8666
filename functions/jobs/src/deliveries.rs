//! Deliveries: what became of the webhooks, one row an attempt, the newest first.

use std::str::FromStr;

use axum::Json;
use axum::extract::State;
use domain::delivery::{Delivery, DeliveryState};
use domain::id::{JobId, UserId, WebhookId};
use domain::message::Target;
use domain::time::Moment;
use edge::cursor::{self, Binding};
use edge::views::DeliveryView;
use edge::{Answer, Caller, PathId, Problem, Query};
use serde::Serialize;
use serde_json::value::RawValue;
use store::{DeliveryFilter, DeliveryPage};
use utoipa::ToSchema;

use crate::answer::{MAX_BYTES, Rows};
use crate::{App, owner};

const DEFAULT_LIMIT: u64 = 20;

/// A page of deliveries.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deliveries {
    /// One row an attempt; a delivery that was not tried yet has one with attempt 0.
    #[schema(value_type = Vec<DeliveryView>)]
    deliveries: Vec<Box<RawValue>>,
    /// Where the next page begins, or null after the last.
    next_cursor: Option<String>,
}

/// Where a page begins, and how much it may hold.
struct Page {
    cursor: Option<String>,
    limit: usize,
}

impl Page {
    fn take(query: &mut Query) -> Self {
        let limit = query.number(&["limit"], 1..=100).unwrap_or(DEFAULT_LIMIT);
        Self { cursor: query.text(&[cursor::PARAMETER]), limit: usize::try_from(limit).unwrap_or(100) }
    }
}

/// The deliveries of one job. Also at GET /get-logs/{id} and /get-logs?jobId=.
#[utoipa::path(get, path = "/jobs/{id}/deliveries", tag = "deliveries", security(("bearer" = [])),
    params(("id" = String, Path, description = "The job's id"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "How many deliveries, 1 to 100; 20 without it"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before")),
    responses((status = 200, body = Deliveries, description = "The newest first"),
        (status = 404, description = "There is no such job of yours", body = edge::problem::Document)))]
pub(crate) async fn of_job(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<JobId>,
    mut query: Query,
) -> Answer<Json<Deliveries>> {
    let page = Page::take(&mut query);
    query.finish()?;
    app.deliveries_of_job(&caller, id, page).await
}

/// All deliveries of a user's jobs. Also at GET /get-logs.
#[utoipa::path(get, path = "/deliveries", tag = "deliveries", security(("bearer" = [])),
    params(("state" = Option<String>, Query, pattern = "^(pending|delivered|retrying|dead|skipped)(,(pending|delivered|retrying|dead|skipped))*$",
            description = "Any of pending, delivered, retrying, dead, skipped, between commas"),
        ("endpointId" = Option<String>, Query, pattern = "^(end_[0-9a-f]{32}|job|deployment)$",
            description = "To this endpoint; or `job` for the webhookUrl of jobs, `deployment` for WEBHOOK_URL"),
        ("since" = Option<String>, Query, format = DateTime, description = "Of events of this moment and later ones"),
        ("until" = Option<String>, Query, format = DateTime, description = "Of events before this moment"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "How many deliveries, 1 to 100; 20 without it"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before"),
        ("userId" = Option<String>, Query, pattern = "^usr_[0-9a-f]{32}$",
            description = "Whose; only an admin may name another user")),
    responses((status = 200, body = Deliveries, description = "The newest first")))]
pub(crate) async fn of_user(
    State(app): State<App>,
    caller: Caller,
    mut query: Query,
) -> Answer<Json<Deliveries>> {
    let page = Page::take(&mut query);
    let mut states = query.list(&["state"], state);
    states.sort_unstable_by_key(|state| state.as_str());
    states.dedup();
    let to = query.parsed(&["endpointId"], target);
    let (since, until) = (query.parsed(&["since"], Moment::parse), query.parsed(&["until"], Moment::parse));
    let user = query.parsed(&["userId"], UserId::from_str);
    query.finish()?;
    let filter = DeliveryFilter { states, to, since, until };
    app.deliveries_of_user(&caller, owner(&caller, user, "userId")?, &filter, page).await
}

/// Either of them, for clients that name the job in a parameter.
pub(crate) async fn named(
    State(app): State<App>,
    caller: Caller,
    mut query: Query,
) -> Answer<Json<Deliveries>> {
    let Some(job) = query.text(&["jobId", "id"]) else {
        return of_user(State(app), caller, query).await;
    };
    let page = Page::take(&mut query);
    query.finish()?;
    let id = job.parse().map_err(|_| Problem::not_found("job"))?;
    app.deliveries_of_job(&caller, id, page).await
}

/// The rows of these deliveries, the newest first, as long as they fit and as far as the caller may see them; and the
/// last that did fit, if one did not.
pub(crate) fn rows(
    caller: &Caller,
    newest_first: &[Delivery],
    room: usize,
) -> Answer<(Vec<Box<RawValue>>, Option<WebhookId>)> {
    let mut rows = Rows::new(room);
    let mut last = None;
    for delivery in newest_first {
        if !rows.push(&DeliveryView::rows(delivery, caller))? {
            return Ok((rows.into_rows(), last));
        }
        last = Some(delivery.id);
    }
    Ok((rows.into_rows(), None))
}

impl App {
    async fn deliveries_of_job(&self, caller: &Caller, id: JobId, page: Page) -> Answer<Json<Deliveries>> {
        let job = self.own_job(caller, id).await?;
        let list = format!("deliveries of {id}");
        let after = self.after(job.user_id, &list, page.cursor).await?;
        let found = self.store().job_deliveries(id, after, page.limit, self.ambient().now()).await?;
        self.deliveries(caller, job.user_id, &list, found).await
    }

    async fn deliveries_of_user(
        &self,
        caller: &Caller,
        user: UserId,
        filter: &DeliveryFilter,
        page: Page,
    ) -> Answer<Json<Deliveries>> {
        let list = name(filter);
        let after = self.after(user, &list, page.cursor).await?;
        let found =
            self.store().user_deliveries(user, filter, after, page.limit, self.ambient().now()).await?;
        self.deliveries(caller, user, &list, found).await
    }

    async fn after(&self, user: UserId, list: &str, text: Option<String>) -> Answer<Option<WebhookId>> {
        let Some(text) = text else { return Ok(None) };
        let secrets = self.sessions.secrets().await?;
        cursor::open(&secrets, Binding { user, filter: list }, &text).map(Some)
    }

    async fn deliveries(
        &self,
        caller: &Caller,
        user: UserId,
        list: &str,
        found: DeliveryPage,
    ) -> Answer<Json<Deliveries>> {
        let (deliveries, cut) = rows(caller, &found.deliveries, MAX_BYTES)?;
        let next_cursor = match cut.or(found.next) {
            Some(last) => {
                cursor::seal(&*self.sessions.secrets().await?, Binding { user, filter: list }, &last)
            }
            None => None,
        };
        Ok(Json(Deliveries { deliveries, next_cursor }))
    }
}

/// What a cursor into this list is bound to.
fn name(filter: &DeliveryFilter) -> String {
    let states: Vec<_> = filter.states.iter().map(|state| state.as_str()).collect();
    let mut name = format!("deliveries {}", states.join(","));
    let (since, until) = (filter.since.map(|at| at.to_string()), filter.until.map(|at| at.to_string()));
    let rest = [("to", filter.to.map(|to| to.to_string())), ("since", since), ("until", until)];
    for (member, value) in rest.into_iter().filter_map(|(member, value)| Some((member, value?))) {
        name.push_str(&format!(" {member} {value}"));
    }
    name
}

fn target(text: &str) -> Result<Target, String> {
    text.parse().map_err(|_| "must be an endpoint's id, job or deployment".to_owned())
}

fn state(text: &str) -> Result<DeliveryState, String> {
    let text = text.to_ascii_lowercase();
    let known = DeliveryState::ALL.into_iter().find(|state| state.as_str() == text);
    known.ok_or_else(|| {
        let names: Vec<_> = DeliveryState::ALL.iter().map(|state| state.as_str()).collect();
        format!("must be one of {}", names.join(", "))
    })
}
