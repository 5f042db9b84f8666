//! How much of a job the answer to a change may tell.

use std::borrow::Cow;

use domain::api_key::Scope;
use domain::id::JobId;
use serde::Serialize;
use utoipa::openapi::schema::{AnyOfBuilder, RefBuilder};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::JobView;
use crate::caller::Caller;

/// A job in the answer to a request that creates, changes, starts or stops it: the whole of it, or without the
/// scope `read` a receipt.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum SeenJob {
    /// For a session, and for a key with the scope `read`.
    Whole(Box<JobView>),
    /// For any other key.
    Receipt(JobReceipt),
}

/// What a key without the scope `read` is told of a job.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = JobReceipt)]
pub struct JobReceipt {
    /// Its id.
    #[schema(value_type = String, example = "job_0190f6d2c0de7abc8def0123456789ab")]
    pub id: JobId,
    /// The same.
    #[schema(value_type = String)]
    pub job_id: JobId,
    /// `pending`, `running`, `completed`, `failed` or `cancelled`.
    #[schema(example = "pending")]
    pub status: &'static str,
    /// Grows with each change; the ETag is this number in quotes.
    pub version: u64,
}

impl ToSchema for SeenJob {
    fn name() -> Cow<'static, str> {
        "SeenJob".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        for (name, schema) in [named::<JobView>(), named::<JobReceipt>()] {
            schemas.push((name, schema));
        }
        JobView::schemas(schemas);
        JobReceipt::schemas(schemas);
    }
}

impl PartialSchema for SeenJob {
    /// A whole job has all that a receipt has: it is any of the two, and not one of them.
    fn schema() -> RefOr<Schema> {
        AnyOfBuilder::new()
            .description(Some(
                "A job in the answer to a request that creates, changes, starts or stops it: the whole of it, or \
                 without the scope `read` a receipt.",
            ))
            .item(told::<JobView>("For a session, and for a key with the scope `read`."))
            .item(told::<JobReceipt>("For any other key."))
            .into()
    }
}

fn told<T: ToSchema>(description: &str) -> Ref {
    RefBuilder::new().ref_location_from_schema_name(T::name()).description(Some(description)).build()
}

fn named<T: ToSchema>() -> (String, RefOr<Schema>) {
    (T::name().into_owned(), T::schema())
}

impl SeenJob {
    /// As much of it as the caller may see.
    pub fn by(caller: &Caller, view: JobView) -> Self {
        if caller.require(Scope::Read).is_ok() {
            return Self::Whole(Box::new(view));
        }
        let JobView { id, job_id, status, version, .. } = view;
        Self::Receipt(JobReceipt { id, job_id, status, version })
    }
}
