//! template.yaml against the lists that the code keeps of what it needs.

mod alarms;
mod calls;
mod documented;
mod functions;
mod resources;
mod roles;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use queue::topology::{self, Queue};
use serde_yaml_ng::Value;

struct Function {
    name: &'static str,
    variables: &'static [&'static str],
    actions: &'static [&'static str],
    routes: &'static [(&'static str, &'static str)],
    queues: &'static [(&'static str, Queue)],
    every: Option<&'static str>,
}

const FUNCTIONS: [Function; 8] = [
    Function {
        name: "Auth",
        variables: auth::VARIABLES,
        actions: auth::ACTIONS,
        routes: auth::ROUTES,
        queues: &[],
        every: None,
    },
    Function {
        name: "Jobs",
        variables: jobs::VARIABLES,
        actions: jobs::ACTIONS,
        routes: jobs::ROUTES,
        queues: &[],
        every: None,
    },
    Function {
        name: "Run",
        variables: run::VARIABLES,
        actions: run::ACTIONS,
        routes: run::ROUTES,
        queues: &[],
        every: None,
    },
    Function {
        name: "Endpoints",
        variables: endpoints::VARIABLES,
        actions: endpoints::ACTIONS,
        routes: endpoints::ROUTES,
        queues: &[],
        every: None,
    },
    Function {
        name: "Worker",
        variables: worker::VARIABLES,
        actions: worker::ACTIONS,
        routes: &[],
        queues: &[
            ("JobsHighQueue", topology::JOBS_HIGH),
            ("JobsMediumQueue", topology::JOBS_MEDIUM),
            ("JobsLowQueue", topology::JOBS_LOW),
        ],
        every: None,
    },
    Function {
        name: "Webhook",
        variables: webhook::VARIABLES,
        actions: webhook::ACTIONS,
        routes: &[],
        queues: &[("WebhooksQueue", topology::WEBHOOKS)],
        every: None,
    },
    Function {
        name: "Deadletter",
        variables: deadletter::VARIABLES,
        actions: deadletter::ACTIONS,
        routes: &[],
        queues: &[("JobsDlq", topology::JOBS_DLQ)],
        every: None,
    },
    Function {
        name: "Scheduler",
        variables: scheduler::VARIABLES,
        actions: scheduler::ACTIONS,
        routes: &[],
        queues: &[],
        every: Some("rate(1 minute)"),
    },
];

struct Template(Value);

impl Template {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
        Self(serde_yaml_ng::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
    }

    fn resource(&self, name: &str) -> Option<&Value> {
        self.0["Resources"].get(name)
    }

    fn parameter(&self, name: &str) -> Option<&Value> {
        self.0["Parameters"].get(name)
    }

    fn function(&self, function: &Function) -> &Value {
        &self.resource(&format!("{}Function", function.name)).unwrap()["Properties"]
    }

    /// Its own variables and those of all functions.
    fn variables(&self, function: &Function) -> BTreeMap<String, Value> {
        let global = &self.0["Globals"]["Function"]["Environment"]["Variables"];
        let own = &self.function(function)["Environment"]["Variables"];
        let all = [global, own].into_iter().flat_map(|one| one.as_mapping().unwrap());
        all.map(|(name, value)| (text(name).to_owned(), value.clone())).collect()
    }

    /// What its role says about each of the actions that it allows: action, resources, and the condition.
    fn allowed(&self, function: &Function) -> Vec<(String, Vec<String>, Value)> {
        let role = self.resource(&format!("{}Role", function.name)).unwrap();
        let statements = list(&role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]);
        let each = statements.iter().flat_map(|statement| {
            let (resources, condition) = (texts(&statement["Resource"]), &statement["Condition"]);
            texts(&statement["Action"])
                .into_iter()
                .map(move |action| (action, resources.clone(), condition.clone()))
        });
        each.collect()
    }

    fn of_type(&self, kind: &str) -> BTreeSet<String> {
        let resources = self.0["Resources"].as_mapping().unwrap().iter();
        let fitting = resources.filter(|(_, resource)| text(&resource["Type"]) == kind);
        fitting.map(|(name, _)| text(name).to_owned()).collect()
    }
}

/// The name of an intrinsic function and what it is called with; of what a condition chooses, the first.
fn tag(value: &Value) -> (&str, &str) {
    match value {
        Value::Tagged(tagged) if tagged.tag == "!If" => tag(&list(&tagged.value)[1]),
        Value::Tagged(tagged) => {
            let known = ["!Ref", "!Sub", "!GetAtt"].into_iter().find(|name| tagged.tag == *name);
            (known.unwrap_or_default(), tagged.value.as_str().unwrap_or_default())
        }
        plain => ("", plain.as_str().unwrap_or_default()),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value:?}"))
}

fn list(value: &Value) -> &[Value] {
    value.as_sequence().unwrap_or_else(|| panic!("no list: {value:?}"))
}

/// The texts of a list, or the one text that stands in the place of one; intrinsic functions by what they are
/// called with.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Sequence(items) => items.iter().map(|item| tag(item).1.to_owned()).collect(),
        one => vec![tag(one).1.to_owned()],
    }
}

/// The beginnings of keys that a condition lets pass; none if there is no such condition.
fn beginnings(condition: &Value) -> Vec<String> {
    let beginnings = condition.get("ForAllValues:StringLike").map(|one| &one["dynamodb:LeadingKeys"]);
    beginnings.map(texts).unwrap_or_default()
}

fn keys(value: &Value) -> Vec<(&str, &str)> {
    list(value).iter().map(|key| (text(&key["AttributeName"]), text(&key["KeyType"]))).collect()
}

fn seconds(value: &Value) -> Duration {
    Duration::from_secs(value.as_u64().unwrap())
}
