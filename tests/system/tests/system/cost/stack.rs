//! What the template says that costs something.

use std::collections::BTreeMap;
use std::path::Path;

use http::StatusCode;
use serde_yaml_ng::Value;

/// What the log of the API says of a request, for example. `routeKey`, `status` and `responseLength` are those of the request.
const CONTEXT: [(&str, &str); 5] = [
    ("$context.requestId", "JKJaXmPLvHcESHA="),
    ("$context.identity.sourceIp", "203.0.113.195"),
    ("$context.requestTime", "28/Nov/2026:12:07:51 +0000"),
    ("$context.responseLatency", "31"),
    ("$context.integrationErrorMessage", "-"),
];

/// The resources.
pub(super) struct Stack {
    resources: BTreeMap<String, Value>,
    globals: Value,
    parameters: Value,
}

impl Stack {
    /// Of template.yaml, and of what is nested in it.
    pub(super) fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let parse = |path: &Path| -> Value {
            serde_yaml_ng::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
        };
        let main = parse(&root.join("template.yaml"));
        let nested = std::fs::read_dir(root.join("infra")).unwrap().map(|entry| entry.unwrap().path());
        let nested = nested.filter(|path| path.extension().is_some_and(|end| end == "yaml"));
        let all = std::iter::once(main.clone()).chain(nested.map(|path| parse(&path)));
        let resources = all.flat_map(|one| {
            let found = one.get("Resources").and_then(Value::as_mapping).cloned().unwrap_or_default();
            found.into_iter().map(|(name, what)| (name.as_str().unwrap().to_owned(), what))
        });
        Self {
            resources: resources.collect(),
            globals: main["Globals"]["Function"].clone(),
            parameters: main["Parameters"].clone(),
        }
    }

    /// How many there are of that type, wherever nothing is asked for that costs more.
    pub(super) fn count(&self, kind: &str) -> usize {
        let fitting = self.resources.values().filter(|one| one["Type"] == kind);
        fitting.filter(|one| one.get("Condition").is_none()).count()
    }

    /// How many metrics the alarms watch: each is billed as an alarm.
    pub(super) fn watched(&self) -> usize {
        let alarms = self.resources.values().filter(|one| one["Type"] == "AWS::CloudWatch::Alarm");
        let watched = alarms.map(|alarm| match alarm["Properties"]["Metrics"].as_sequence() {
            Some(metrics) => metrics.iter().filter(|metric| metric.get("MetricStat").is_some()).count(),
            None => 1,
        });
        watched.sum()
    }

    /// The memory of a function in MB.
    pub(super) fn memory(&self, function: &str) -> f64 {
        self.setting(function, "MemorySize").as_f64().unwrap()
    }

    /// Whether AWS takes traces of the function's invocations by itself.
    pub(super) fn is_traced(&self, function: &str) -> bool {
        self.setting(function, "Tracing") == "Active"
    }

    /// Each queue that is read for a function, and whether the number of its batches at once is bounded.
    pub(super) fn sources(&self) -> Vec<(&str, bool)> {
        let functions = self.resources.values().filter(|one| one["Type"] == "AWS::Serverless::Function");
        let events = functions.filter_map(|one| one["Properties"].get("Events")?.as_mapping());
        let sources = events.flatten().filter(|(_, event)| event["Type"] == "SQS");
        let told = sources.map(|(name, event)| {
            (name.as_str().unwrap(), event["Properties"].get("ScalingConfig").is_some())
        });
        told.collect()
    }

    /// The line that the API's log has of a request.
    pub(super) fn access_line(&self, route: &str, status: StatusCode, answer: usize) -> String {
        let settings = &self.resources["Api"]["Properties"]["AccessLogSettings"];
        let mut line = settings["Format"].as_str().unwrap().to_owned();
        let own = [
            ("$context.routeKey", route.to_owned()),
            ("$context.status", status.as_u16().to_string()),
            ("$context.responseLength", answer.to_string()),
        ];
        let given = CONTEXT.map(|(name, value)| (name, value.to_owned()));
        for (name, value) in given.into_iter().chain(own) {
            line = line.replace(name, &value);
        }
        assert!(!line.contains("$context"), "an example is missing: {line}");
        line
    }

    fn setting(&self, function: &str, name: &str) -> Value {
        let resource = format!("{}{}Function", function[..1].to_uppercase(), &function[1..]);
        let own = self.resources[&resource]["Properties"].get(name).cloned();
        match own.unwrap_or_else(|| self.globals[name].clone()) {
            Value::Tagged(parameter) => self.parameters[parameter.value.as_str().unwrap()]["Default"].clone(),
            plain => plain,
        }
    }
}
