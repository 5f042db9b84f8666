//! Deliveries: the record of one event on its way to one endpoint.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::SdkError;
use domain::delivery::{Delivery, DeliveryState};
use domain::endpoint::Endpoint;
use domain::filter::Order;
use domain::health::{Health, Subject};
use domain::id::{JobId, UserId, WebhookId};
use domain::job::Job;
use domain::message::{Deliver, Target};
use domain::time::Moment;
use domain::user::User;
use futures::future::try_join_all;

use crate::cells::{Matching, Union};
use crate::create::expired;
use crate::{Item, Store, StoreError, endpoints, health, job_item, keys, users};

mod item;

pub(crate) use item::read;
use item::write;

/// A page of deliveries, newest first.
#[derive(Debug)]
pub struct DeliveryPage {
    /// The deliveries.
    pub deliveries: Vec<Delivery>,
    /// After which the next page begins, if there may be one.
    pub next: Option<WebhookId>,
}

/// What is known when a delivery is to be made.
#[derive(Clone, Debug)]
pub struct DeliveryContext {
    /// The record of the delivery, once there has been an attempt.
    pub delivery: Option<Delivery>,
    /// The job it tells of, unless that is deleted or expired.
    pub job: Option<Job>,
    /// The owner, if asked for.
    pub owner: Option<User>,
    /// The endpoint that it is for, if it is for one that is still there.
    pub endpoint: Option<Endpoint>,
    /// What is known of its receiver.
    pub health: Health,
}

/// Which of a user's deliveries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// In any of these states; in any, if there are none.
    pub states: Vec<DeliveryState>,
    /// To this receiver.
    pub to: Option<Target>,
    /// Of events of this moment and later ones.
    pub since: Option<Moment>,
    /// Of events before this moment.
    pub until: Option<Moment>,
}

impl Store {
    /// What there is to know when a message about a delivery has come, with the owner of the job if that is asked
    /// for: two consistent requests at the same time.
    ///
    /// Cost: 1 RRU for 4 KB of the delivery and the job, which is read by itself (1 RRU more) where later deliveries stand
    /// between the two; and 1 for 4 KB of the receiver's health, of the endpoint, of the owner.
    pub async fn delivery_context(
        &self,
        message: &Deliver,
        with_owner: bool,
        now: Moment,
    ) -> Result<DeliveryContext, StoreError> {
        let mut contexts = self.delivery_contexts(&[(message, with_owner)], now).await?;
        Ok(contexts.remove(0))
    }

    /// The same for up to ten messages, in their order: what several of them ask for is read once.
    pub async fn delivery_contexts(
        &self,
        messages: &[(&Deliver, bool)],
        now: Moment,
    ) -> Result<Vec<DeliveryContext>, StoreError> {
        let each: Vec<_> = messages.iter().map(|(message, owner)| wanted(message, *owner)).collect();
        let mut places: Vec<&Place> = each.iter().flatten().collect();
        places.sort_unstable();
        places.dedup();
        let keys = places.into_iter().map(|(pk, sk)| keys::key(pk, sk)).collect();
        let jobs = try_join_all(messages.iter().map(|(message, _)| self.delivery_and_job(message)));
        let (others, jobs) = futures::try_join!(self.batch_get(keys, true), jobs)?;
        let found: HashMap<_, _> =
            others.into_iter().filter_map(|item| Some((place(&item)?, item))).collect();
        let context = |(own, places): (Vec<Item>, &Vec<Place>)| {
            let others = places.iter().filter_map(|place| found.get(place)).cloned();
            context(own.into_iter().chain(others), now)
        };
        jobs.into_iter().zip(&each).map(context).collect()
    }

    /// The message's delivery and its job, of those that there are. A job stands behind its deliveries, so where this one
    /// is its last, as at the first attempt, one read finds both.
    async fn delivery_and_job(&self, message: &Deliver) -> Result<Vec<Item>, StoreError> {
        let (pk, first) = (keys::job(message.job_id), keys::delivery(message.webhook_id));
        let page = self
            .client
            .query()
            .table_name(self.table())
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", keys::text(&pk))
            .expression_attribute_values(":first", keys::text(&first))
            .expression_attribute_values(":last", keys::text(keys::JOB))
            .consistent_read(true)
            .limit(2)
            .send()
            .await
            .map_err(StoreError::sdk)?;
        let goes_on = page.last_evaluated_key.is_some();
        let mut items = page.items.unwrap_or_default();
        let is = |item: &Item, sk: &str| place(item).is_some_and(|(_, own)| own == sk);
        items.retain(|item| is(item, &first) || is(item, keys::JOB));
        if goes_on && !items.iter().any(|item| is(item, keys::JOB)) {
            items.extend(self.get(pk, keys::JOB).await?);
        }
        Ok(items)
    }

    /// The delivery of that id.
    pub async fn delivery(&self, job: JobId, id: WebhookId) -> Result<Option<Delivery>, StoreError> {
        self.get(keys::job(job), &keys::delivery(id)).await?.map(read).transpose()
    }

    /// Writes a delivery over the version before it (over none, if it is its first). False if somebody else
    /// wrote first: read again and decide again.
    pub async fn replace_delivery(
        &self,
        next: &Delivery,
        expires: Option<Moment>,
    ) -> Result<bool, StoreError> {
        let item = write(next, expires)?;
        let put = self.client.put_item().table_name(self.table()).set_item(Some(item));
        let put = if next.version <= 1 {
            put.condition_expression("attribute_not_exists(pk)")
        } else {
            put.condition_expression("version = :seen")
                .expression_attribute_values(":seen", keys::number(next.version - 1))
        };
        match put.send().await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => {
                // Ours after a lost answer, or somebody else's?
                Ok(self.delivery(next.job_id, next.id).await?.as_ref() == Some(next))
            }
            Err(e) => Err(StoreError::sdk(e)),
        }
    }

    /// A job's deliveries, newest first.
    pub async fn job_deliveries(
        &self,
        job: JobId,
        after: Option<WebhookId>,
        limit: usize,
        now: Moment,
    ) -> Result<DeliveryPage, StoreError> {
        let last = after.map(keys::delivery);
        let mut rows = self.newest(job, keys::DELIVERY_PREFIX, last, limit).await?;
        let next = rows.next.as_deref().and_then(|sk| sk.strip_prefix(keys::DELIVERY_PREFIX)).map(str::parse);
        let next = next
            .transpose()
            .map_err(|e| StoreError::unreadable("a delivery's key has no delivery's id", e))?;
        rows.rows.retain(|row| !expired(row, now));
        let deliveries = rows.rows.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(DeliveryPage { deliveries, next })
    }

    /// Those of these deliveries that have a record.
    pub async fn known_deliveries(
        &self,
        job: JobId,
        ids: &[WebhookId],
    ) -> Result<Vec<WebhookId>, StoreError> {
        let wanted: Vec<_> = ids.iter().map(|id| keys::key(keys::job(job), keys::delivery(*id))).collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.batch_get(wanted, true).await?;
        found.into_iter().map(|item| read(item).map(|delivery| delivery.id)).collect()
    }

    /// A user's deliveries over all jobs, newest first: in the order of what they tell of.
    ///
    /// Cost: for each state a Query of some rows of about 0.3 KB, and a BatchGetItem of what is shown. With `to`, up
    /// to 2,000 rows are looked at: a page may hold fewer than `limit` and still have a next one.
    pub async fn user_deliveries(
        &self,
        user: UserId,
        filter: &DeliveryFilter,
        after: Option<WebhookId>,
        limit: usize,
        now: Moment,
    ) -> Result<DeliveryPage, StoreError> {
        let states = if filter.states.is_empty() { &DeliveryState::ALL[..] } else { &filter.states };
        let matching = filter.to.map(|to| {
            let mut matching = Matching::default();
            let to = keys::text(to.to_string());
            matching.add("#search = :to", ("#search", "search"), (":to", to));
            matching
        });
        let until = filter.until.map(WebhookId::first_of);
        let union = Union {
            cells: states.iter().map(|state| keys::delivery_cell(user, *state)).collect(),
            order: Order::NewestFirst,
            after: after.or(until).map(|id| id.to_string()),
            floor: filter.since.map(|since| WebhookId::first_of(since).to_string()),
            matching,
        };
        let rows = self.union(&union, 0, limit).await?;
        let wanted = rows.rows.iter().filter_map(|row| {
            Some(Item::from([
                ("pk".to_owned(), row.get("pk")?.clone()),
                ("sk".to_owned(), row.get("sk")?.clone()),
            ]))
        });
        let mut items = self.batch_get(wanted.collect(), false).await?;
        items.retain(|item| !expired(item, now));
        let mut deliveries = items.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        deliveries.sort_by_key(|delivery| std::cmp::Reverse(delivery.id));
        let next = rows.next.map(|id| id.parse()).transpose();
        let next = next.map_err(|e| StoreError::unreadable("an index row has no delivery's id", e))?;
        Ok(DeliveryPage { deliveries, next })
    }
}

/// The keys of an item.
type Place = (String, String);

fn place(item: &Item) -> Option<Place> {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
    Some((text("pk")?, text("sk")?))
}

/// Where the rest stands that is to be known about a message.
fn wanted(message: &Deliver, with_owner: bool) -> Vec<Place> {
    let user = keys::user(message.user_id);
    let mut wanted = vec![(keys::health(&Subject::of(message)), keys::HEALTH.to_owned())];
    wanted.extend(message.endpoint_id.endpoint().map(|id| (user.clone(), keys::endpoint(id))));
    wanted.extend(with_owner.then(|| (user, keys::PROFILE.to_owned())));
    wanted
}

fn context(items: impl Iterator<Item = Item>, now: Moment) -> Result<DeliveryContext, StoreError> {
    let mut context =
        DeliveryContext { delivery: None, job: None, owner: None, endpoint: None, health: Health::default() };
    for item in items {
        match item.get("sk").and_then(|sk| sk.as_s().ok()).map(String::as_str) {
            Some(keys::JOB) => context.job = Some(job_item::read(item)?),
            Some(keys::PROFILE) => context.owner = Some(users::read(item)?),
            Some(keys::HEALTH) if expired(&item, now) => {}
            Some(keys::HEALTH) => context.health = health::read(item)?,
            Some(sk) if sk.starts_with(keys::ENDPOINT_PREFIX) => {
                context.endpoint = Some(endpoints::read(item)?);
            }
            _ => context.delivery = Some(read(item)?),
        }
    }
    let lives = |job: &Job| job.deleted_at.is_none() && job.expires_at.is_none_or(|expires| expires > now);
    context.job = context.job.filter(lives);
    Ok(context)
}
