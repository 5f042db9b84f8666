//! The queues, the table, and what else stands there.

use std::collections::BTreeSet;

use queue::topology::{self, Queue};
use serde_yaml_ng::Value;
use store::schema;

use super::functions::told;
use super::{FUNCTIONS, Template, keys, list, seconds, tag, text, texts};

const QUEUES: [(&str, Queue); 6] = [
    ("JobsHighQueue", topology::JOBS_HIGH),
    ("JobsMediumQueue", topology::JOBS_MEDIUM),
    ("JobsLowQueue", topology::JOBS_LOW),
    ("JobsDlq", topology::JOBS_DLQ),
    ("WebhooksQueue", topology::WEBHOOKS),
    ("WebhooksDlq", topology::WEBHOOKS_DLQ),
];

#[test]
fn queues_are_set_as_the_code_sets_them() {
    let template = Template::read();
    assert_eq!(template.of_type("AWS::SQS::Queue"), QUEUES.map(|(name, _)| name.to_owned()).into());
    assert_eq!(QUEUES.len(), topology::ALL.len());
    for (name, queue) in QUEUES {
        let properties = &template.resource(name).unwrap()["Properties"];
        assert_eq!(tag(&properties["QueueName"]).1, format!("${{AWS::StackName}}-{}", queue.name), "{name}");
        assert_eq!(seconds(&properties["VisibilityTimeout"]), queue.visibility, "{name}");
        assert_eq!(seconds(&properties["MessageRetentionPeriod"]), queue.retention, "{name}");
        let redrive = properties.get("RedrivePolicy").map(|policy| {
            let target = tag(&policy["deadLetterTargetArn"]).1.trim_end_matches(".Arn");
            let target = QUEUES.iter().find(|(name, _)| *name == target).unwrap().1.name;
            (u32::try_from(policy["maxReceiveCount"].as_u64().unwrap()).unwrap(), target)
        });
        assert_eq!(redrive, queue.redrive, "{name}");
    }
}

#[test]
fn the_table_is_made_as_the_code_makes_it() {
    let template = Template::read();
    let table = &template.resource("Table").unwrap()["Properties"];
    let attributes: BTreeSet<_> = list(&table["AttributeDefinitions"])
        .iter()
        .map(|one| (text(&one["AttributeName"]).to_owned(), text(&one["AttributeType"]).to_owned()))
        .collect();
    assert_eq!(attributes, schema::KEY_ATTRIBUTES.map(|name| (name.to_owned(), "S".to_owned())).into());
    assert_eq!(keys(&table["KeySchema"]), [("pk", "HASH"), ("sk", "RANGE")]);
    let ttl = &table["TimeToLiveSpecification"];
    assert_eq!((text(&ttl["AttributeName"]), ttl["Enabled"].as_bool()), (schema::TTL_ATTRIBUTE, Some(true)));
    assert_eq!(text(&table["BillingMode"]), "PAY_PER_REQUEST");
    assert_eq!(table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"].as_bool(), Some(true));
    assert_eq!(table["SSESpecification"]["SSEEnabled"].as_bool(), Some(true));
    let indexes = list(&table["GlobalSecondaryIndexes"]);
    let wanted = [
        (schema::LIST_INDEX, ["listPk", "listSk"], &schema::LIST_PROJECTION[..]),
        (schema::DUE_INDEX, ["duePk", "dueSk"], &schema::DUE_PROJECTION[..]),
    ];
    assert_eq!(indexes.len(), wanted.len());
    for (index, (name, [pk, sk], carries)) in indexes.iter().zip(wanted) {
        assert_eq!(text(&index["IndexName"]), name);
        assert_eq!(keys(&index["KeySchema"]), [(pk, "HASH"), (sk, "RANGE")]);
        assert_eq!(text(&index["Projection"]["ProjectionType"]), "INCLUDE");
        assert_eq!(texts(&index["Projection"]["NonKeyAttributes"]), carries, "{name}");
    }
}

#[test]
fn logs_are_kept_for_a_while_and_every_parameter_has_a_default() {
    let template = Template::read();
    for function in &FUNCTIONS {
        let group = &template.resource(&format!("{}Logs", function.name)).unwrap()["Properties"];
        assert_eq!(tag(&group["RetentionInDays"]), ("!Ref", "LogRetentionDays"), "{}", function.name);
    }
    for (name, parameter) in template.0["Parameters"].as_mapping().unwrap() {
        assert!(parameter.get("Default").is_some(), "{}", text(name));
        assert!(parameter.get("Description").is_some(), "{}", text(name));
    }
    assert!(matches!(template.0["Outputs"]["ApiUrl"]["Value"], Value::Tagged(_)));
}

#[test]
fn the_code_takes_what_the_parameters_of_the_tick_allow_and_no_more() {
    let template = Template::read();
    let faults = |variable: &'static str, value: u64| {
        let queues = ["JOBS_HIGH_QUEUE_URL", "JOBS_MEDIUM_QUEUE_URL", "JOBS_LOW_QUEUE_URL"];
        let needed = queues.into_iter().chain(["TABLE_NAME"]).map(|name| (name, "x".to_owned()));
        let mut vars = boot::Vars::new(needed.chain([(variable, value.to_string())]));
        scheduler::Config::read(&mut vars);
        vars.finish().err().map_or(0, |error| error.faults().len())
    };
    for (name, variable) in [("DueShards", "DUE_SHARDS"), ("TickParallelism", "TICK_PARALLELISM")] {
        let parameter = template.parameter(name).unwrap();
        let [least, most, default] =
            ["MinValue", "MaxValue", "Default"].map(|bound| parameter[bound].as_u64().unwrap());
        assert_eq!([least, default, most].map(|value| faults(variable, value)), [0, 0, 0], "{name}");
        assert_eq!([least - 1, most + 1].map(|value| faults(variable, value)), [1, 1], "{name}");
    }
}

#[test]
fn what_holds_data_outlives_the_stack_and_lies_encrypted() {
    let template = Template::read();
    let secrets = template.of_type("AWS::SecretsManager::Secret");
    assert_eq!(secrets.len(), 3);
    for name in secrets.iter().map(String::as_str).chain(["Table"]) {
        let resource = template.resource(name).unwrap();
        for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
            assert_eq!(resource[policy].as_str(), Some("Retain"), "{name} {policy}");
        }
    }
    let Value::Tagged(protected) =
        &template.resource("Table").unwrap()["Properties"]["DeletionProtectionEnabled"]
    else {
        panic!("it does not depend on ProtectTable")
    };
    assert_eq!(protected.tag, "!If");
    assert_eq!(protected.value, serde_yaml_ng::from_str::<Value>("[TableIsProtected, true, false]").unwrap());
    assert_eq!(told("prod")["ProtectTable"].as_str(), Some("true"));
    for (name, _) in QUEUES {
        let properties = &template.resource(name).unwrap()["Properties"];
        assert_eq!(properties["SqsManagedSseEnabled"].as_bool(), Some(true), "{name}");
    }
}

/// What holds data, by what CloudFormation knows it by: under another name it would be a new one, without the data. An
/// upgrade keeps all of it, so a line here changes only together with a way to move what is there.
const KEPT: [(&str, &str, &str); 10] = [
    ("AuthSecret", "AWS::SecretsManager::Secret", "no name"),
    ("DataSecret", "AWS::SecretsManager::Secret", "no name"),
    ("JobsDlq", "AWS::SQS::Queue", "${AWS::StackName}-jobs-dlq"),
    ("JobsHighQueue", "AWS::SQS::Queue", "${AWS::StackName}-jobs-high"),
    ("JobsLowQueue", "AWS::SQS::Queue", "${AWS::StackName}-jobs-low"),
    ("JobsMediumQueue", "AWS::SQS::Queue", "${AWS::StackName}-jobs-medium"),
    ("Table", "AWS::DynamoDB::Table", "no name"),
    ("WebhookSigningSecret", "AWS::SecretsManager::Secret", "no name"),
    ("WebhooksDlq", "AWS::SQS::Queue", "${AWS::StackName}-webhooks-dlq"),
    ("WebhooksQueue", "AWS::SQS::Queue", "${AWS::StackName}-webhooks"),
];

#[test]
fn an_upgrade_finds_the_table_the_secrets_and_the_queues_where_they_were() {
    let template = Template::read();
    let names = ["TableName", "Name", "QueueName"];
    let mut found = Vec::new();
    for (id, resource) in template.0["Resources"].as_mapping().unwrap() {
        let kind = text(&resource["Type"]);
        if !KEPT.iter().any(|(_, kept, _)| *kept == kind) {
            continue;
        }
        let name = names.into_iter().find_map(|name| resource["Properties"].get(name));
        found.push((text(id), kind, name.map_or("no name", |name| tag(name).1)));
        assert_eq!(text(&resource["UpdateReplacePolicy"]), "Retain", "{id:?}");
        // A queue of a fixed name that stayed behind would keep the next stack from its name.
        let kept_after = if kind == "AWS::SQS::Queue" { "Delete" } else { "Retain" };
        assert_eq!(text(&resource["DeletionPolicy"]), kept_after, "{id:?}");
    }
    found.sort_unstable();
    assert_eq!(found, KEPT);
}

#[test]
fn a_domain_is_made_with_its_certificate_alone_and_with_a_record_where_there_is_a_zone() {
    let template = Template::read();
    let condition = |name: &str| text(&template.resource(name).unwrap()["Condition"]).to_owned();
    assert_eq!(["ApiDomain", "ApiMapping"].map(condition), ["DomainIsGiven", "DomainIsGiven"]);
    assert_eq!(condition("ApiRecord"), "DomainIsInZone");
    let mapping = &template.resource("ApiMapping").unwrap()["Properties"];
    let led = ["ApiId", "DomainName", "Stage"].map(|name| tag(&mapping[name]).1);
    assert_eq!(led, ["Api", "ApiDomain", "Api.Stage"]);
    let domain = &list(&template.resource("ApiDomain").unwrap()["Properties"]["DomainNameConfigurations"])[0];
    assert_eq!(text(&domain["SecurityPolicy"]), "TLS_1_2");
    assert!(template.0["Rules"].get("DomainHasCertificate").is_some());
    let outputs = &template.0["Outputs"];
    assert_eq!(tag(&outputs["ApiUrl"]["Value"]), ("!Sub", "https://${DomainName}"));
}

#[test]
fn no_secret_is_written_into_the_template_or_shown_with_its_parameters() {
    let template = Template::read();
    assert_eq!(template.parameter("WebhookSecret").unwrap()["NoEcho"].as_bool(), Some(true));
    for name in template.of_type("AWS::SecretsManager::Secret") {
        let properties = &template.resource(&name).unwrap()["Properties"];
        let (given, made) = (properties.get("SecretString"), properties.get("GenerateSecretString"));
        match name.as_str() {
            "WebhookSigningSecret" => assert_eq!(tag(given.unwrap()).0, "!Sub", "out of the parameter alone"),
            _ => assert!(given.is_none() && made.unwrap()["PasswordLength"].as_u64() >= Some(32), "{name}"),
        }
    }
    for function in &FUNCTIONS {
        for (name, value) in template.variables(function) {
            let secret = name.contains("SECRET") && !name.ends_with("_SECRET_ID");
            assert!(!secret, "{} is told {name}: {value:?}", function.name);
        }
    }
}

#[test]
fn nobody_but_the_api_and_the_clock_may_call_a_function_and_every_route_is_throttled() {
    let template = Template::read();
    for name in template.of_type("AWS::Lambda::Permission") {
        let properties = &template.resource(&name).unwrap()["Properties"];
        assert_eq!(text(&properties["Action"]), "lambda:InvokeFunction", "{name}");
        assert_eq!(text(&properties["Principal"]), "apigateway.amazonaws.com", "{name}");
        assert!(tag(&properties["SourceArn"]).1.contains("${AWS::AccountId}:${Api}/"), "{name}");
    }
    for function in &FUNCTIONS {
        assert!(template.function(function).get("FunctionUrlConfig").is_none(), "{}", function.name);
    }
    for kind in ["AWS::Lambda::Url", "AWS::SQS::QueuePolicy", "AWS::SecretsManager::ResourcePolicy"] {
        assert!(template.of_type(kind).is_empty(), "{kind} opens it to others");
    }
    let limits = &template.resource("Api").unwrap()["Properties"]["DefaultRouteSettings"];
    assert_eq!(tag(&limits["ThrottlingRateLimit"]), ("!Ref", "ThrottleRate"));
    assert_eq!(tag(&limits["ThrottlingBurstLimit"]), ("!Ref", "ThrottleBurst"));
}
