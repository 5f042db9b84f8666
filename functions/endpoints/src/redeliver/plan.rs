//! What a request has sent again, found before anything is sent.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use domain::delivery::Delivery;
use domain::id::{JobId, WebhookId};
use domain::job::Job;
use domain::message::{Deliver, Target};
use edge::Answer;
use tokio::time::Instant;

use super::request::Request;
use super::{Receivers, Unsendable};
use crate::App;

/// How many records are read at once.
const PAGE: usize = 100;
/// How many pages are looked at for one request: what something has become of meanwhile is in them too.
const MOST_PAGES: usize = 20;
/// How many bytes of bodies are held at once.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// How long is looked: API Gateway waits 29 s for an answer.
const LONGEST_LOOK: Duration = Duration::from_secs(8);

/// The deliveries that a request is about, the newest first.
#[derive(Debug, Default)]
pub(super) struct Plan {
    items: Vec<Item>,
    /// After which it goes on, if there may be more.
    pub(super) next: Option<WebhookId>,
    bytes: usize,
}

/// One of them, and what has it sent.
#[derive(Debug)]
struct Item {
    id: WebhookId,
    to: Target,
    message: Result<Deliver, Unsendable>,
}

impl Plan {
    /// How many there are.
    pub(super) fn matched(&self) -> usize {
        self.items.len()
    }

    /// What is to be sent.
    pub(super) fn messages(&self) -> Vec<Deliver> {
        self.items.iter().filter_map(|item| item.message.as_ref().ok()).cloned().collect()
    }

    /// What cannot be, by receiver and reason, with how many there are of each.
    pub(super) fn not_sent(&self) -> BTreeMap<(Target, Unsendable), usize> {
        let mut counts = BTreeMap::new();
        for item in &self.items {
            if let Err(reason) = item.message {
                *counts.entry((item.to, reason)).or_default() += 1;
            }
        }
        counts
    }

    /// The plan up to the first that was not sent, if only so many were: it goes on there.
    #[must_use]
    pub(super) fn cut(mut self, sent: usize) -> Self {
        let mut sendable = self.items.iter().enumerate().filter(|(_, item)| item.message.is_ok());
        if let Some((place, _)) = sendable.nth(sent) {
            self.items.truncate(place);
            self.next = self.items.last().map(|item| item.id);
        }
        self
    }

    fn add(&mut self, delivery: &Delivery, message: Result<Deliver, Unsendable>) {
        self.bytes += message.as_ref().map_or(0, |message| message.body.len());
        self.items.push(Item { id: delivery.id, to: delivery.endpoint_id, message });
    }

    fn is_full(&self, limit: usize, since: Instant) -> bool {
        // One is always found if there is one: a plan of nothing that goes on would never end.
        let is_late = !self.items.is_empty() && since.elapsed() >= LONGEST_LOOK;
        self.items.len() >= limit || self.bytes >= MOST_BYTES || is_late
    }
}

impl App {
    /// Finds what the request is about, and what has it sent again.
    ///
    /// The list is eventually consistent: a record may have moved on since it was listed, so it is judged as it was
    /// read. Should that be behind too, the message names a round that has begun, and nothing comes of it.
    pub(super) async fn plan(&self, request: &Request, mut after: Option<WebhookId>) -> Answer<Plan> {
        let (now, start) = (self.ambient().now(), Instant::now());
        let receivers = self.receivers(request.user).await?;
        let mut plan = Plan::default();
        for _ in 0..MOST_PAGES {
            let page = self.store().user_deliveries(request.user, &request.filter, after, PAGE, now).await?;
            let wanted: Vec<_> = page.deliveries.iter().filter(|delivery| fits(request, delivery)).collect();
            let jobs = self.jobs_of(&wanted).await?;
            for delivery in wanted {
                if plan.is_full(request.limit, start) {
                    plan.next = after;
                    return Ok(plan);
                }
                let message = self.planned(delivery, &jobs, &receivers).await?;
                plan.add(delivery, message);
                after = Some(delivery.id);
            }
            after = page.next;
            if after.is_none() || plan.is_full(request.limit, start) {
                break;
            }
        }
        plan.next = after;
        Ok(plan)
    }

    async fn planned(
        &self,
        delivery: &Delivery,
        jobs: &HashMap<JobId, Job>,
        receivers: &Receivers,
    ) -> Answer<Result<Deliver, Unsendable>> {
        match jobs.get(&delivery.job_id) {
            Some(job) => self.message(delivery, job, receivers).await,
            None => Ok(Err(Unsendable::JobGone)),
        }
    }

    async fn jobs_of(&self, deliveries: &[&Delivery]) -> Answer<HashMap<JobId, Job>> {
        let mut ids: Vec<_> = deliveries.iter().map(|delivery| delivery.job_id).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let jobs = self.store().jobs(&ids, self.ambient().now()).await?;
        Ok(jobs.into_iter().map(|job| (job.id, job)).collect())
    }
}

/// Whether the record is what the request is about.
fn fits(request: &Request, delivery: &Delivery) -> bool {
    request.filter.states.contains(&delivery.state) && delivery.touched_at() < request.before
}

#[cfg(test)]
mod tests {
    use domain::delivery::DeliveryState;
    use domain::event::EventType;
    use domain::id::RunId;
    use domain::time::{Entropy, Moment};
    use store::DeliveryFilter;

    use super::*;

    struct Zeros;

    impl Entropy for Zeros {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(0);
        }
    }

    fn item(n: i64, message: impl Fn(WebhookId) -> Result<Deliver, Unsendable>) -> Item {
        let at = Moment::from_millis(n);
        let id = WebhookId::derive(RunId::fresh(at, &Zeros), EventType::Failed, at, "job");
        Item { id, to: Target::Job, message: message(id) }
    }

    fn sendable(webhook_id: WebhookId) -> Result<Deliver, Unsendable> {
        Ok(Deliver {
            webhook_id,
            job_id: JobId::fresh(Moment::from_millis(1), &Zeros),
            user_id: domain::id::UserId::fresh(Moment::from_millis(1), &Zeros),
            run_id: RunId::fresh(Moment::from_millis(1), &Zeros),
            endpoint_id: Target::Job,
            url: String::new(),
            body: String::new(),
            round: 1,
            cancel_id: None,
            turn: None,
        })
    }

    #[test]
    fn a_record_is_judged_as_it_is_and_not_as_it_was_listed() {
        let at = Moment::from_millis;
        let message = sendable(item(5, sendable).id).unwrap();
        let request = Request {
            user: message.user_id,
            filter: DeliveryFilter { states: vec![DeliveryState::Dead], ..DeliveryFilter::default() },
            before: at(100),
            dry_run: false,
            limit: 10,
            cursor: None,
        };
        let of =
            |state, touched| Delivery { state, ..Delivery::new(&message, EventType::Failed, at(touched)) };
        assert!(fits(&request, &of(DeliveryState::Dead, 99)));
        assert!(!fits(&request, &of(DeliveryState::Dead, 100)), "something has become of it since");
        assert!(!fits(&request, &of(DeliveryState::Retrying, 99)), "it was dead when it was listed");
    }

    #[test]
    fn a_plan_that_was_sent_in_part_goes_on_after_what_was_sent() {
        let plan = || {
            let items = vec![
                item(5, |_| Err(Unsendable::BodyLost)),
                item(4, sendable),
                item(3, |_| Err(Unsendable::BodyLost)),
                item(2, sendable),
                item(1, sendable),
            ];
            let next = Some(items[4].id);
            Plan { items, next, bytes: 0 }
        };
        let ids: Vec<_> = plan().items.iter().map(|item| item.id).collect();
        let cut = |sent| {
            let plan = plan().cut(sent);
            (plan.matched(), plan.messages().len(), plan.next)
        };
        assert_eq!(cut(0), (1, 0, Some(ids[0])));
        assert_eq!(cut(1), (3, 1, Some(ids[2])));
        assert_eq!(cut(2), (4, 2, Some(ids[3])));
        assert_eq!(cut(3), (5, 3, Some(ids[4])), "all were sent");
        assert_eq!(plan().cut(1).not_sent(), BTreeMap::from([((Target::Job, Unsendable::BodyLost), 2)]));
    }
}
