//! What each function is given: variables, routes and events.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde_yaml_ng::Value;

use super::{FUNCTIONS, Function, Template, list, seconds, tag, text, texts};
use crate::routes::of_the_functions;

/// What the libraries around every function read, and those around an HTTP function.
const LOG_LEVEL: &str = "LOG_LEVEL";
const OF_HTTP: &str = "AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH";
/// What is for one machine alone: in the cloud no secret stands among the variables.
const NOT_IN_THE_CLOUD: &str = "WEBHOOK_SECRET";
/// Variables that name a resource, and the resource.
pub(super) const NAMES: [(&str, &str); 10] = [
    ("TABLE_NAME", "Table"),
    ("AUTH_SECRET_ID", "AuthSecret"),
    ("DATA_SECRET_ID", "DataSecret"),
    ("WEBHOOK_SECRET_ID", "WebhookSigningSecret"),
    ("JOBS_HIGH_QUEUE_URL", "JobsHighQueue"),
    ("JOBS_MEDIUM_QUEUE_URL", "JobsMediumQueue"),
    ("JOBS_LOW_QUEUE_URL", "JobsLowQueue"),
    ("JOBS_DLQ_URL", "JobsDlq"),
    ("WEBHOOK_QUEUE_URL", "WebhooksQueue"),
    ("WEBHOOK_DLQ_URL", "WebhooksDlq"),
];

#[test]
fn each_function_has_the_variables_that_it_reads_and_no_other() {
    let template = Template::read();
    for function in &FUNCTIONS {
        let own = function.variables.iter().filter(|name| **name != NOT_IN_THE_CLOUD);
        let own = own.map(|name| (*name).to_owned());
        let mut wanted: BTreeSet<_> = own.chain([LOG_LEVEL.to_owned()]).collect();
        if !function.routes.is_empty() {
            wanted.insert(OF_HTTP.to_owned());
        }
        let variables = template.variables(function);
        assert_eq!(variables.keys().cloned().collect::<BTreeSet<_>>(), wanted, "{}", function.name);
        for (name, resource) in NAMES {
            if let Some(value) = variables.get(name) {
                assert_eq!(tag(value), ("!Ref", resource), "{name} of {}", function.name);
            }
        }
        for (name, value) in &variables {
            let (kind, target) = tag(value);
            let known = template.resource(target).is_some() || template.parameter(target).is_some();
            assert!((kind == "!Ref" && known) || name == OF_HTTP, "{name} of {}: {value:?}", function.name);
        }
    }
}

#[test]
fn the_api_leads_each_route_to_its_function_plain_and_under_api() {
    let template = Template::read();
    let api = &template.resource("Api").unwrap()["Properties"];
    let mut led = BTreeMap::new();
    for (path, methods) in api["DefinitionBody"]["paths"].as_mapping().unwrap() {
        for (method, operation) in methods.as_mapping().unwrap() {
            let integration = &operation["x-amazon-apigateway-integration"];
            assert_eq!(text(&integration["payloadFormatVersion"]), "2.0");
            let function = called(&integration["uri"]);
            led.insert((text(method).to_uppercase(), text(path).to_owned()), function);
        }
    }
    let mut wanted = BTreeMap::from([(("OPTIONS".to_owned(), "/{proxy+}".to_owned()), "Jobs".to_owned())]);
    for function in &FUNCTIONS {
        for (method, path) in function.routes {
            for path in [(*path).to_owned(), format!("/api{path}")] {
                wanted.insert(((*method).to_owned(), path), function.name.to_owned());
            }
        }
    }
    assert_eq!(wanted.len(), 2 * of_the_functions().len() + 1, "no route belongs to two functions");
    assert_eq!(led, wanted);
    for function in FUNCTIONS.iter().filter(|function| !function.routes.is_empty()) {
        let permission = &template.resource(&format!("{}Permission", function.name)).unwrap()["Properties"];
        let alias = format!("{}Function.Alias", function.name);
        assert_eq!(tag(&permission["FunctionName"]), ("!Ref", alias.as_str()));
    }
}

/// The function whose alias an integration calls.
fn called(uri: &Value) -> String {
    let Value::Tagged(joined) = uri else { panic!("no !Sub: {uri:?}") };
    let [text_of_it, names] = list(&joined.value) else { panic!("no names: {uri:?}") };
    assert!(text(text_of_it).ends_with("/functions/${Alias}/invocations"), "{uri:?}");
    let (kind, alias) = tag(&names["Alias"]);
    let function = alias.strip_suffix("Function.Alias");
    assert!(kind == "!Ref", "{uri:?}");
    function.unwrap_or_else(|| panic!("{alias} is no alias")).to_owned()
}

#[test]
fn a_deployment_publishes_versions_and_moves_every_alias_under_the_same_alarms() {
    let template = Template::read();
    let global = &template.0["Globals"]["Function"];
    assert_eq!(text(&global["AutoPublishAlias"]), "live");
    let preference = &global["DeploymentPreference"];
    assert_eq!(tag(&preference["Type"]), ("!Ref", "DeploymentType"));
    assert_eq!(tag(&preference["Role"]), ("!GetAtt", "DeployRole.Arn"));
    let Value::Tagged(alarms) = &preference["Alarms"] else { panic!("no choice of alarms") };
    let [condition, ringing, without] = list(&alarms.value) else { panic!("{alarms:?}") };
    assert_eq!(text(condition), "AlarmsRollBack");
    assert_eq!(texts(without), ["AWS::NoValue"]);
    let outputs = ["Http", "Queues"].map(|end| format!("Observability.Outputs.RollbackAlarm{end}"));
    assert_eq!(texts(ringing), outputs);
    for function in &FUNCTIONS {
        let properties = template.function(function);
        for own in ["AutoPublishAlias", "DeploymentPreference"] {
            assert!(properties.get(own).is_none(), "{} has {own} of its own", function.name);
        }
        // Without the first a new timeout takes no effect, without the second no new parameter does.
        assert_eq!(properties["AutoPublishAliasAllProperties"].as_bool(), Some(true), "{}", function.name);
        assert_eq!(tag(&properties["AutoPublishCodeSha256"]), ("!Ref", "Release"), "{}", function.name);
    }
}

#[test]
fn each_environment_says_its_release_anew_and_names_parameters_that_there_are() {
    let template = Template::read();
    for environment in ["dev", "prod"] {
        let told = told(environment);
        assert_eq!(told["Release"], Value::from(""), "SAM keeps the last value of what is not said");
        for (name, value) in told.as_mapping().unwrap() {
            let parameter = template.parameter(text(name));
            let parameter = parameter.unwrap_or_else(|| panic!("{environment}: {}", text(name)));
            let allowed = parameter.get("AllowedValues").is_none_or(|all| list(all).contains(value));
            assert!(allowed, "{environment}: {} may not be {value:?}", text(name));
        }
        let samconfig = include_str!("../../../../../samconfig.toml");
        assert!(samconfig.contains(&format!("[\"file://infra/stack/{environment}.yaml\"]")), "{environment}");
    }
}

/// What infra/stack tells an environment's stack.
pub(super) fn told(environment: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/stack");
    let page = std::fs::read_to_string(folder.join(format!("{environment}.yaml"))).unwrap();
    serde_yaml_ng::from_str(&page).unwrap()
}

#[test]
fn functions_have_calls_for_themselves_only_where_a_parameter_says_how_many() {
    let template = Template::read();
    for function in &FUNCTIONS {
        let reserved = template.function(function).get("ReservedConcurrentExecutions").map(tag);
        let wanted = match function {
            Function { every: Some(_), .. } => Some(("!Ref", "SchedulerReservedConcurrency")),
            Function { queues: [], .. } => Some(("!Ref", "ApiReservedConcurrency")),
            // Their event sources bound them.
            _ => None,
        };
        assert_eq!(reserved, wanted, "{}", function.name);
    }
    for name in ["SchedulerReservedConcurrency", "ApiReservedConcurrency"] {
        let parameter = template.parameter(name).unwrap();
        assert_eq!(parameter["Default"].as_u64(), Some(0), "a new account has nothing to reserve");
    }
}

#[test]
fn event_sources_report_each_message_and_leave_time_for_six_invocations() {
    let template = Template::read();
    for function in &FUNCTIONS {
        let properties = template.function(function);
        let timeout = properties.get("Timeout").unwrap_or(&template.0["Globals"]["Function"]["Timeout"]);
        let timeout = seconds(timeout);
        let mut sources = BTreeSet::new();
        for (_, event) in events(properties) {
            if function.every.is_some() && text(&event["Type"]) == "Schedule" {
                continue;
            }
            assert_eq!(text(&event["Type"]), "SQS");
            let source = &event["Properties"];
            assert_eq!(texts(&source["FunctionResponseTypes"]), ["ReportBatchItemFailures"]);
            assert_eq!(source["BatchSize"].as_u64(), Some(10));
            assert!(source.get("MaximumBatchingWindowInSeconds").is_none(), "a job does not wait for others");
            // What is dead is rare, and a bound would have its empty queue polled more often.
            if function.name != "Deadletter" {
                let (kind, parameter) = tag(&source["ScalingConfig"]["MaximumConcurrency"]);
                let least = template.parameter(parameter).unwrap()["MinValue"].as_u64();
                assert!(
                    kind == "!Ref" && least.is_some_and(|least| least >= 2),
                    "SQS takes no less than two"
                );
            }
            sources.insert(tag(&source["Queue"]).1.trim_end_matches(".Arn").to_owned());
        }
        let wanted: BTreeSet<_> = function.queues.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(sources, wanted, "{}", function.name);
        for (name, queue) in function.queues {
            assert!(queue.visibility >= timeout * 6, "{name}: {:?} against {timeout:?}", queue.visibility);
        }
    }
}

#[test]
fn a_tick_comes_every_minute_and_is_not_tried_again() {
    let template = Template::read();
    for function in &FUNCTIONS {
        let properties = template.function(function);
        let ticks: Vec<_> =
            events(properties).filter(|(_, event)| text(&event["Type"]) == "Schedule").collect();
        let rates: Vec<_> = ticks.iter().map(|(_, event)| text(&event["Properties"]["Schedule"])).collect();
        assert_eq!(rates, function.every.into_iter().collect::<Vec<_>>(), "{}", function.name);
        for (_, tick) in ticks {
            assert!(tick["Properties"].get("Enabled").is_none() && tick["Properties"].get("State").is_none());
            let minute = Duration::from_secs(60);
            for policy in [&tick["Properties"]["RetryPolicy"], &properties["EventInvokeConfig"]] {
                assert_eq!(policy["MaximumRetryAttempts"].as_u64(), Some(0), "the next tick makes up for it");
                assert_eq!(seconds(&policy["MaximumEventAgeInSeconds"]), minute);
            }
            assert!(seconds(&properties["Timeout"]) <= minute, "it is over when the next one comes");
        }
    }
}

fn events(properties: &Value) -> impl Iterator<Item = (&Value, &Value)> {
    properties.get("Events").and_then(Value::as_mapping).into_iter().flatten()
}
