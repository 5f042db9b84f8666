//! Which deliveries are to be sent again, as a request asks for them.

use std::str::FromStr;

use domain::delivery::DeliveryState;
use domain::id::UserId;
use domain::input::Fields;
use domain::message::Target;
use domain::time::Moment;
use edge::views::EndedShape;
use edge::{Answer, Caller, Code, Problem};
use store::DeliveryFilter;
use utoipa::ToSchema;

/// How many deliveries a request has sent again, unless it says otherwise.
const LIMIT: u64 = 100;
/// How many it may.
const LARGEST_LIMIT: u64 = 1_000;
/// The states of those that nothing more is done about.
const STATES: [DeliveryState; 3] = [DeliveryState::Dead, DeliveryState::Skipped, DeliveryState::Delivered];

/// Which deliveries are to be sent again.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its description is used")]
#[serde(deny_unknown_fields)]
#[schema(as = Redelivery, rename_all = "camelCase", example = json!({
    "since": "2026-03-01T00:00:00Z", "state": ["dead"], "dryRun": true
}))]
pub(crate) struct RedeliveryBody {
    /// Any of `dead`, `skipped` and `delivered`; also a single text.
    #[schema(default = json!(["dead", "skipped"]), min_items = 1, value_type = Option<Vec<EndedShape>>)]
    state: Option<Vec<String>>,
    /// To this endpoint; or `job` for the webhookUrl of jobs, `deployment` for WEBHOOK_URL.
    #[schema(pattern = "^(end_[0-9a-f]{32}|job|deployment)$")]
    endpoint_id: Option<String>,
    /// Of events of this moment and later ones.
    #[schema(format = DateTime)]
    since: String,
    /// Of events before this moment.
    #[schema(format = DateTime)]
    until: Option<String>,
    /// Only what nothing has become of since this moment; the present without it. Send what the answer says, and the
    /// same request again has nothing sent twice.
    #[schema(format = DateTime)]
    before: Option<String>,
    /// Whether only to tell what would be sent.
    #[schema(default = false)]
    dry_run: Option<bool>,
    /// How many.
    #[schema(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// The nextCursor of the answer before.
    cursor: Option<String>,
    /// Whose; only an admin may name another user.
    #[schema(pattern = "^usr_[0-9a-f]{32}$")]
    user_id: Option<String>,
}

/// Which deliveries are to be sent again.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) user: UserId,
    pub(super) filter: DeliveryFilter,
    pub(super) before: Moment,
    pub(super) dry_run: bool,
    pub(super) limit: usize,
    pub(super) cursor: Option<String>,
}

impl Request {
    /// Reads a body, or tells everything that is wrong with it.
    pub(super) fn read(caller: &Caller, mut fields: Fields, now: Moment) -> Answer<Self> {
        let states = states(&mut fields);
        let to = fields.parsed(&["endpointId"], target);
        if !fields.has("since") {
            fields.fault("/since", "is required");
        }
        let since = fields.parsed(&["since"], Moment::parse);
        let until = fields.parsed(&["until"], Moment::parse);
        if since.zip(until).is_some_and(|(since, until)| until <= since) {
            fields.fault("/until", "must be after since");
        }
        let before = fields.parsed(&["before"], Moment::parse);
        let dry_run = fields.flag(&["dryRun"]).unwrap_or(false);
        let limit = fields.number(&["limit"]).unwrap_or(LIMIT);
        if !(1..=LARGEST_LIMIT).contains(&limit) {
            fields.fault("/limit", format!("must be from 1 to {LARGEST_LIMIT}"));
        }
        let cursor = fields.text(&["cursor"]);
        let named = fields.parsed(&["userId"], UserId::from_str);
        fields.finish()?;
        Ok(Self {
            user: owner(caller, named)?,
            filter: DeliveryFilter { states, to, since, until },
            // Of what is to come nothing can have become anything, so it must not be spoken of.
            before: before.unwrap_or(now).min(now),
            dry_run,
            limit: usize::try_from(limit).unwrap_or(1),
            cursor,
        })
    }

    /// What a cursor into these deliveries is bound to.
    pub(super) fn name(&self) -> String {
        let DeliveryFilter { states, to, since, until } = &self.filter;
        let states: Vec<_> = states.iter().map(|state| state.as_str()).collect();
        let text = |at: &Option<Moment>| at.map(|at| at.to_string()).unwrap_or_default();
        let to = to.map(|to| to.to_string()).unwrap_or_default();
        format!("redeliver {} to {to} since {} until {}", states.join(","), text(since), text(until))
    }
}

/// Whose deliveries: the caller's own, or those of the user that an admin names.
fn owner(caller: &Caller, named: Option<UserId>) -> Answer<UserId> {
    match named {
        Some(other) if other != caller.user.id && !caller.is_admin() => {
            Err(Problem::at_with(Code::Forbidden, "/userId", "is another user: only an admin may name one"))
        }
        named => Ok(named.unwrap_or(caller.user.id)),
    }
}

/// One text or several; dead and skipped if there is none. In one order, so that a cursor fits however they are
/// named.
fn states(fields: &mut Fields) -> Vec<DeliveryState> {
    let Some((_, raw)) = fields.raw(&["state"]) else { return STATES[..2].to_vec() };
    let one = serde_json::from_str::<String>(raw.get()).map(|text| vec![text]);
    let Ok(names) = one.or_else(|_| serde_json::from_str::<Vec<String>>(raw.get())) else {
        fields.fault("/state", "must be a text or a list of texts");
        return Vec::new();
    };
    let is = |state: &DeliveryState, name: &String| state.as_str().eq_ignore_ascii_case(name.trim());
    if names.is_empty() || names.iter().any(|name| !STATES.iter().any(|state| is(state, name))) {
        fields.fault("/state", "must be any of dead, skipped and delivered");
    }
    STATES.into_iter().filter(|state| names.iter().any(|name| is(state, name))).collect()
}

fn target(text: &str) -> Result<Target, &'static str> {
    text.parse().map_err(|_| "must be an endpoint's id, job or deployment")
}
