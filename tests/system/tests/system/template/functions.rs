//! What each function is given: variables, rights, routes and events.

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml_ng::Value;

use super::{FUNCTIONS, Template, list, seconds, tag, text, texts};
use crate::routes::of_the_functions;

/// What every function is given for its log and its traces, besides what its own code calls.
const TELEMETRY: [&str; 4] =
    ["logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments"];
/// What the libraries around every function read, and those around an HTTP function.
const LOG_LEVEL: &str = "LOG_LEVEL";
const OF_HTTP: &str = "AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH";
/// What is for one machine alone: in the cloud no secret stands among the variables.
const NOT_IN_THE_CLOUD: &str = "WEBHOOK_SECRET";
/// What each role may write to the table: the action, and the beginnings of the keys.
const WRITES: [(&str, &str, &[&str]); 11] = [
    ("Auth", "PutItem", &["USER#*", "EMAIL#*", "NAME#*", "REVOKED#*"]),
    ("Auth", "UpdateItem", &["RATE#*"]),
    ("Deadletter", "PutItem", &["JOB#*"]),
    ("Jobs", "DeleteItem", &["JOB#*"]),
    ("Jobs", "PutItem", &["USER#*", "JOB#*", "IDEMP#*"]),
    ("Jobs", "UpdateItem", &["RATE#*"]),
    ("Run", "PutItem", &["JOB#*"]),
    ("Run", "UpdateItem", &["RATE#*"]),
    ("Webhook", "PutItem", &["JOB#*"]),
    ("Worker", "BatchWriteItem", &["JOB#*"]),
    ("Worker", "PutItem", &["JOB#*"]),
];
const READS: [&str; 3] = ["GetItem", "BatchGetItem", "Query"];
/// Variables that name a resource, and the resource.
const NAMES: [(&str, &str); 10] = [
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
fn each_role_may_do_what_its_function_does_and_nothing_else() {
    let template = Template::read();
    for function in &FUNCTIONS {
        let role = format!("{}Role", function.name);
        let named = template.function(function)["Role"].clone();
        assert_eq!(tag(&named), ("!GetAtt", format!("{role}.Arn").as_str()));
        let properties = &template.resource(&role).unwrap()["Properties"];
        assert!(properties.get("ManagedPolicyArns").is_none(), "{role}: a managed policy hides its actions");
        let mut allowed = BTreeSet::new();
        for policy in list(&properties["Policies"]) {
            for statement in list(&policy["PolicyDocument"]["Statement"]) {
                assert_eq!(text(&statement["Effect"]), "Allow");
                assert!(statement.get("NotAction").is_none() && statement.get("NotResource").is_none());
                let actions: Vec<_> = texts(&statement["Action"]);
                assert!(actions.iter().all(|action| !action.contains('*')), "{role}: {actions:?}");
                let everywhere = texts(&statement["Resource"]).iter().any(|resource| resource == "*");
                assert!(!everywhere || actions.iter().all(|action| action.starts_with("xray:")), "{role}");
                allowed.extend(actions);
            }
        }
        let needed: BTreeSet<_> =
            function.actions.iter().chain(&TELEMETRY).map(|action| (*action).to_owned()).collect();
        assert_eq!(allowed, needed, "{role}");
    }
    let functions = template.of_type("AWS::Serverless::Function");
    let known: BTreeSet<_> = FUNCTIONS.iter().map(|function| format!("{}Function", function.name)).collect();
    assert_eq!(functions, known);
    assert_eq!(template.of_type("AWS::IAM::Role").len(), FUNCTIONS.len());
}

#[test]
fn each_role_writes_the_records_that_its_function_writes_and_no_others() {
    let template = Template::read();
    let mut allowed = Vec::new();
    for function in &FUNCTIONS {
        let role = template.resource(&format!("{}Role", function.name)).unwrap();
        for statement in list(&role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]) {
            let beginnings = &statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
            for action in texts(&statement["Action"]) {
                let on_table = action.strip_prefix("dynamodb:");
                if let Some(write) = on_table.filter(|action| !READS.contains(action)) {
                    allowed.push((function.name, write.to_owned(), texts(beginnings)));
                }
            }
        }
    }
    allowed.sort();
    let wanted = WRITES.map(|(role, action, keys)| {
        (role, action.to_owned(), keys.iter().map(ToString::to_string).collect())
    });
    assert_eq!(allowed, wanted);
}

#[test]
fn each_role_reaches_what_its_function_has_a_name_for_and_nothing_else() {
    let template = Template::read();
    for function in &FUNCTIONS {
        let role = template.resource(&format!("{}Role", function.name)).unwrap();
        let mut reached = BTreeSet::new();
        for statement in list(&role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]) {
            let resources = texts(&statement["Resource"]);
            if texts(&statement["Action"]).contains(&"sqs:ReceiveMessage".to_owned()) {
                let own: Vec<_> = function.queues.iter().map(|(name, _)| format!("{name}.Arn")).collect();
                assert_eq!(resources, own, "{} receives from its own queues", function.name);
            }
            reached.extend(resources);
        }
        let log = format!("log-group:/aws/lambda/${{AWS::StackName}}-{}:*", function.name.to_lowercase());
        for resource in &reached {
            let own = NAMES.iter().any(|(variable, name)| {
                let is_it = [*name, &format!("{name}.Arn")].contains(&resource.as_str());
                (is_it || (*name == "Table" && resource == "${Table.Arn}/index/list"))
                    && template.variables(function).contains_key(*variable)
            });
            assert!(own || resource == "*" || resource.ends_with(&log), "{}: {resource}", function.name);
        }
        let variables = template.variables(function);
        for (variable, name) in NAMES.iter().filter(|(variable, _)| variables.contains_key(*variable)) {
            let is_it = |resource: &String| resource.trim_end_matches(".Arn") == *name;
            assert!(reached.iter().any(is_it), "{} has {variable} and may not use it", function.name);
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
            let uri = tag(&integration["uri"]).1;
            let function = uri.split("${").last().unwrap().split('F').next().unwrap().to_owned();
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
        assert_eq!(tag(&permission["FunctionName"]), ("!Ref", format!("{}Function", function.name).as_str()));
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
        for (_, event) in properties.get("Events").and_then(Value::as_mapping).into_iter().flatten() {
            assert_eq!(text(&event["Type"]), "SQS");
            let source = &event["Properties"];
            assert_eq!(texts(&source["FunctionResponseTypes"]), ["ReportBatchItemFailures"]);
            assert_eq!(source["BatchSize"].as_u64(), Some(10));
            assert!(source.get("MaximumBatchingWindowInSeconds").is_none(), "a job does not wait for others");
            let (kind, parameter) = tag(&source["ScalingConfig"]["MaximumConcurrency"]);
            let least = template.parameter(parameter).unwrap()["MinValue"].as_u64();
            assert!(kind == "!Ref" && least.is_some_and(|least| least >= 2), "SQS takes no less than two");
            sources.insert(tag(&source["Queue"]).1.trim_end_matches(".Arn").to_owned());
        }
        let wanted: BTreeSet<_> = function.queues.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(sources, wanted, "{}", function.name);
        for (name, queue) in function.queues {
            assert!(queue.visibility >= timeout * 6, "{name}: {:?} against {timeout:?}", queue.visibility);
        }
    }
}
