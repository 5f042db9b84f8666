//! What each function's role may do, on which keys, indexes and queues.

use std::collections::BTreeSet;

use super::functions::NAMES;
use super::{FUNCTIONS, Template, beginnings, list, tag, text, texts};

/// The one role that is no function's.
const DEPLOYING: &str = "DeployRole";
/// What every function is given for its log and its traces, besides what its own code calls.
const TELEMETRY: [&str; 4] =
    ["logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments"];
/// What each role may write to the table: the action, and the beginnings of the keys.
const WRITES: [(&str, &str, &[&str]); 21] = [
    ("Auth", "DeleteItem", &["EMAIL#*", "NAME#*", "KEY#*"]),
    ("Auth", "PutItem", &["USER#*", "EMAIL#*", "NAME#*", "REVOKED#*", "KEY#*"]),
    ("Auth", "UpdateItem", &["USER#*", "KEY#*", "RATE#*"]),
    ("Deadletter", "PutItem", &["JOB#*"]),
    ("Deadletter", "UpdateItem", &["JOB#*"]),
    ("Endpoints", "DeleteItem", &["USER#*", "HEALTH#*"]),
    ("Endpoints", "PutItem", &["USER#*", "HEALTH#*"]),
    ("Endpoints", "UpdateItem", &["USER#*", "HEALTH#*", "KEY#*", "RATE#*"]),
    ("Jobs", "DeleteItem", &["JOB#*"]),
    ("Jobs", "PutItem", &["USER#*", "JOB#*", "IDEMP#*"]),
    ("Jobs", "UpdateItem", &["JOB#*", "KEY#*", "RATE#*"]),
    ("Run", "PutItem", &["JOB#*"]),
    ("Run", "UpdateItem", &["JOB#*", "KEY#*", "RATE#*"]),
    ("Scheduler", "UpdateItem", &["JOB#*"]),
    ("Webhook", "PutItem", &["JOB#*"]),
    ("Webhook", "UpdateItem", &["HEALTH#*"]),
    ("Worker", "BatchWriteItem", &["JOB#*"]),
    ("Worker", "DeleteItem", &["JOB#*", "HEALTH#*"]),
    ("Worker", "DeleteItem", &["USER#*", "KEY#*"]),
    ("Worker", "PutItem", &["JOB#*", "HEALTH#*"]),
    ("Worker", "UpdateItem", &["JOB#*", "RATE#*"]),
];
const READS: [&str; 4] = ["GetItem", "BatchGetItem", "Query", "Scan"];
/// What each role may read of an index: the action, the index, and the beginnings of its keys.
const INDEXES: [(&str, &str, &str, &[&str]); 7] = [
    ("Auth", "Query", "list", &["KEYS#*", "USERS"]),
    ("Endpoints", "Query", "list", &["DELIVERIES#*"]),
    ("Jobs", "Query", "list", &["usr_*", "DELIVERIES#*"]),
    // A condition on the keys guards nothing on a Scan.
    ("Jobs", "Scan", "list", &[]),
    ("Run", "Query", "due", &["DEAD"]),
    ("Scheduler", "Query", "due", &["DUE#*"]),
    ("Worker", "Query", "list", &["usr_*", "KEYS#*"]),
];
/// What mail is sent by: any identity of the account, and the configuration set of one that has it.
const MAIL: [&str; 2] = [":identity/*", ":configuration-set/*"];

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
    let roles =
        FUNCTIONS.iter().map(|function| format!("{}Role", function.name)).chain([DEPLOYING.to_owned()]);
    assert_eq!(template.of_type("AWS::IAM::Role"), roles.collect());
}

#[test]
fn what_moves_aliases_is_codedeploy_with_no_more_than_aws_says_it_needs() {
    let template = Template::read();
    let role = &template.resource(DEPLOYING).unwrap()["Properties"];
    let statements = list(&role["AssumeRolePolicyDocument"]["Statement"]);
    assert_eq!(statements.len(), 1);
    assert_eq!(text(&statements[0]["Principal"]["Service"]), "codedeploy.amazonaws.com");
    let policy = "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited";
    assert_eq!(texts(&role["ManagedPolicyArns"]), [policy]);
    assert!(role.get("Policies").is_none());
}

#[test]
fn each_role_writes_the_records_that_its_function_writes_and_no_others() {
    let template = Template::read();
    let mut allowed = Vec::new();
    for function in &FUNCTIONS {
        for (action, resources, condition) in template.allowed(function) {
            let on_table = action.strip_prefix("dynamodb:");
            if let Some(write) = on_table.filter(|action| !READS.contains(action)) {
                assert_eq!(resources, ["Table.Arn"], "{}", function.name);
                allowed.push((function.name, write.to_owned(), beginnings(&condition)));
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
fn each_role_reads_the_parts_of_an_index_that_its_function_reads_and_nothing_by_a_scan_of_the_table() {
    let template = Template::read();
    let mut allowed = Vec::new();
    for function in &FUNCTIONS {
        for (action, resources, condition) in template.allowed(function) {
            let Some(read) = action.strip_prefix("dynamodb:").filter(|action| READS.contains(action)) else {
                continue;
            };
            let [resource] = &resources[..] else { panic!("{}: {resources:?}", function.name) };
            let keys = beginnings(&condition);
            match resource.strip_prefix("${Table.Arn}/index/") {
                Some(index) => allowed.push((function.name, read.to_owned(), index.to_owned(), keys)),
                None => {
                    assert_eq!(resource, "Table.Arn", "{}", function.name);
                    assert!(read != "Scan" && !keys.is_empty(), "{} reads the whole table", function.name);
                }
            }
        }
    }
    allowed.sort();
    let wanted = INDEXES.map(|(role, action, index, keys)| {
        (role, action.to_owned(), index.to_owned(), keys.iter().map(ToString::to_string).collect())
    });
    assert_eq!(allowed, wanted);
}

#[test]
fn mail_comes_from_the_address_that_the_function_is_told() {
    let template = Template::read();
    for function in &FUNCTIONS {
        let from = template.variables(function).remove("MAIL_FROM");
        let mut sends = false;
        for (action, resources, condition) in template.allowed(function) {
            if !action.starts_with("ses:") {
                continue;
            }
            sends = true;
            for (resource, end) in resources.iter().zip(MAIL) {
                let of_this_account = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}";
                assert_eq!(resource.strip_prefix(of_this_account), Some(end), "{}", function.name);
            }
            assert_eq!(resources.len(), MAIL.len());
            assert_eq!(
                Some(&condition["StringEquals"]["ses:FromAddress"]),
                from.as_ref(),
                "{}",
                function.name
            );
        }
        assert_eq!(sends, from.is_some(), "{}", function.name);
    }
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
                let mut own: Vec<_> = function.queues.iter().map(|(name, _)| format!("{name}.Arn")).collect();
                // An administrator looks at what lies there.
                own.extend((function.name == "Run").then(|| "WebhooksDlq.Arn".to_owned()));
                assert_eq!(resources, own, "{} receives from its own queues", function.name);
            }
            reached.extend(resources);
        }
        let log = format!("log-group:/aws/lambda/${{AWS::StackName}}-{}:*", function.name.to_lowercase());
        for resource in &reached {
            let own = NAMES.iter().any(|(variable, name)| {
                let is_it = [*name, &format!("{name}.Arn")].contains(&resource.as_str());
                (is_it || (*name == "Table" && resource.starts_with("${Table.Arn}/index/")))
                    && template.variables(function).contains_key(*variable)
            });
            let mail = MAIL.iter().any(|end| resource.ends_with(end));
            assert!(
                own || mail || resource == "*" || resource.ends_with(&log),
                "{}: {resource}",
                function.name
            );
        }
        let variables = template.variables(function);
        for (variable, name) in NAMES.iter().filter(|(variable, _)| variables.contains_key(*variable)) {
            let is_it = |resource: &String| resource.trim_end_matches(".Arn") == *name;
            assert!(reached.iter().any(is_it), "{} has {variable} and may not use it", function.name);
        }
    }
}
