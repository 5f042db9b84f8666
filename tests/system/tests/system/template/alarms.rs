//! The stack inside the stack: alarms and the dashboard, and docs/RUNBOOK.md, which tells what they are for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use domain::life::{MISSED_AFTER, READ_AHEAD};
use queue::topology;
use serde_yaml_ng::Value;

use super::{FUNCTIONS, Template, list, seconds, tag, text};

/// What an idle deployment may be billed for: a standard alarm counts for each metric that it looks at.
const MOST_METRICS: usize = 9;

fn inside() -> Template {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/observability.yaml");
    Template(serde_yaml_ng::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
}

fn runbook() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/RUNBOOK.md");
    std::fs::read_to_string(path).unwrap()
}

/// A metric that an alarm looks at.
struct Watched {
    metric: String,
    /// What it is of: the end of its name.
    of: String,
    period: Duration,
}

fn watched(alarm: &Value) -> Vec<Watched> {
    let one = |metric: &Value, period: &Value| {
        let dimension = metric.get("Dimensions").map(|all| tag(&list(all)[0]["Value"]).1.to_owned());
        let of = dimension.unwrap_or_default().replace("${StackName}-", "");
        Watched { metric: text(&metric["MetricName"]).to_owned(), of, period: seconds(period) }
    };
    match alarm.get("Metrics") {
        None => vec![one(alarm, &alarm["Period"])],
        Some(metrics) => {
            let stats = list(metrics).iter().filter_map(|metric| metric.get("MetricStat"));
            stats.map(|stat| one(&stat["Metric"], &stat["Period"])).collect()
        }
    }
}

fn alarms() -> BTreeMap<String, Value> {
    let stack = inside();
    let names = stack.of_type("AWS::CloudWatch::Alarm");
    names.iter().map(|name| (name.clone(), stack.resource(name).unwrap()["Properties"].clone())).collect()
}

/// The alarm that looks at this metric of that queue or function.
fn on(metric: &str, of: &str) -> Value {
    let all = alarms();
    let mut fitting = all.values().filter(|alarm| {
        let mut watched = watched(alarm).into_iter();
        watched.any(|watched| watched.metric == metric && watched.of == of)
    });
    fitting.next().unwrap_or_else(|| panic!("no alarm on the {metric} of {of}")).clone()
}

fn told_after(alarm: &Value) -> Duration {
    let periods = u32::try_from(alarm["EvaluationPeriods"].as_u64().unwrap()).unwrap();
    watched(alarm)[0].period * periods
}

#[test]
fn a_message_can_neither_expire_unnoticed_nor_before_it_is_dealt_with_as_dead() {
    let silent = "SQS tells nothing of idle queues";
    for queue in topology::ALL.into_iter().filter(|queue| queue.name.starts_with("jobs-")) {
        let alarm = on("ApproximateAgeOfOldestMessage", queue.name);
        assert_eq!(text(&alarm["TreatMissingData"]), "notBreaching", "{}: {silent}", queue.name);
        assert!(seconds(&alarm["Threshold"]) * 10 <= queue.retention, "{}", queue.name);
        assert!(queue.redrive.is_none() || queue.retention < topology::JOBS_DLQ.retention, "{}", queue.name);
    }
    let dead = on("ApproximateNumberOfMessagesVisible", topology::WEBHOOKS_DLQ.name);
    assert_eq!(text(&dead["TreatMissingData"]), "notBreaching", "{silent}");
    assert_eq!(dead["Threshold"].as_u64(), Some(0), "nothing drains it");
}

#[test]
fn the_oldest_of_all_priorities_counts_also_where_a_queue_tells_nothing() {
    let alarm = on("ApproximateAgeOfOldestMessage", "jobs-high");
    let metrics = list(&alarm["Metrics"]);
    let shown: Vec<_> = metrics.iter().filter(|metric| metric.get("ReturnData").is_none()).collect();
    let [sum] = shown[..] else { panic!("one is shown: {shown:?}") };
    assert_eq!(text(&sum["Expression"]), "MAX([FILL(high, 0), FILL(medium, 0), FILL(low, 0)])");
    for metric in metrics.iter().filter(|metric| metric.get("MetricStat").is_some()) {
        let (id, of) =
            (text(&metric["Id"]), tag(&list(&metric["MetricStat"]["Metric"]["Dimensions"])[0]["Value"]).1);
        assert_eq!(of, format!("${{StackName}}-jobs-{id}"));
        assert_eq!(text(&metric["MetricStat"]["Stat"]), "Maximum");
    }
}

#[test]
fn somebody_hears_of_ticks_that_fail_and_of_none_at_all() {
    let alarm = on("Errors", "scheduler");
    assert_eq!((text(&alarm["Namespace"]), text(&alarm["Statistic"])), ("AWS/Lambda", "Sum"));
    assert_eq!(text(&alarm["ComparisonOperator"]), "GreaterThanThreshold");
    assert_eq!(alarm["Threshold"].as_u64(), Some(0));
    assert_eq!(text(&alarm["TreatMissingData"]), "breaching", "no invocation makes no metric");
    assert!(told_after(&alarm) <= MISSED_AFTER, "before an occurrence counts as missed");
    assert!(told_after(&alarm) >= READ_AHEAD, "what the ticks before have announced is not late yet");
}

#[test]
fn a_bad_deployment_is_taken_back_before_a_canary_of_five_minutes_is_over() {
    let (stack, template) = (inside(), Template::read());
    for (output, metric, of) in
        [("RollbackAlarmHttp", "ApiServerErrors", ""), ("RollbackAlarmQueues", "Errors", "worker")]
    {
        let named = tag(&stack.0["Outputs"][output]["Value"]).1.to_owned();
        let alarm = &stack.resource(&named).unwrap()["Properties"];
        assert!(watched(alarm).iter().any(|one| one.metric == metric && one.of == of), "{output}");
        assert!(told_after(alarm) < Duration::from_secs(300), "{output}");
        assert_eq!(text(&alarm["TreatMissingData"]), "notBreaching", "{output}: no traffic is no failure");
    }
    on("Errors", "webhook");
    let filter = &template.resource("ApiServerErrors").unwrap()["Properties"];
    assert_eq!(tag(&filter["LogGroupName"]), ("!Ref", "ApiLogs"));
    let made = &list(&filter["MetricTransformations"])[0];
    assert_eq!(text(&made["MetricName"]), "ApiServerErrors");
    assert_eq!(tag(&made["MetricNamespace"]).1, "Nightjar/${AWS::StackName}");
    let format = text(&template.resource("Api").unwrap()["Properties"]["AccessLogSettings"]["Format"]);
    assert!(format.contains(r#""status":"$context.status""#), "what the filter looks at: {format}");
    assert_eq!(text(&filter["FilterPattern"]), r#"{ $.status = "5*" }"#);
}

#[test]
fn all_alarms_are_few_and_go_to_the_topic_and_the_page_tells_what_to_do() {
    let (page, mut metrics) = (runbook(), 0);
    let headings: BTreeSet<_> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    for (name, alarm) in &alarms() {
        metrics += watched(alarm).len();
        for actions in ["AlarmActions", "OKActions"] {
            let Value::Tagged(chosen) = &alarm[actions] else { panic!("{name} {actions}") };
            let wanted = "[AlarmsGoSomewhere, [!Ref AlarmTopicArn], !Ref 'AWS::NoValue']";
            assert_eq!(chosen.value, serde_yaml_ng::from_str::<Value>(wanted).unwrap(), "{name} {actions}");
        }
        let anchor = format!("docs/RUNBOOK.md#{}", name.to_lowercase());
        assert!(text(&alarm["AlarmDescription"]).ends_with(&anchor), "{name}");
        assert!(headings.contains(name.as_str()), "{name} has no section");
        let shown = tag(&alarm["AlarmName"]).1.replace("${StackName}", "STACK");
        let row = format!("| [{name}](#{}) | `{shown}` | ", name.to_lowercase());
        assert!(page.lines().any(|line| line.starts_with(&row)), "{name}: {row}");
        let of: BTreeSet<_> =
            watched(alarm).iter().map(|one| one.of.clone()).filter(|of| !of.is_empty()).collect();
        let known = |of: &str| {
            let function = FUNCTIONS.iter().any(|function| function.name.to_lowercase() == of);
            function || topology::ALL.iter().any(|queue| queue.name == of)
        };
        assert!(of.iter().all(|of| known(of)), "{name}: {of:?}");
    }
    assert_eq!(headings, alarms().keys().map(String::as_str).collect(), "a section that is for no alarm");
    assert!(metrics <= MOST_METRICS, "{metrics}");
    assert!(Template::read().of_type("AWS::CloudWatch::Alarm").is_empty(), "all stand in one place");
}

#[test]
fn the_page_has_the_table_of_metrics_as_the_code_has_it() {
    let page = runbook();
    let start = page.find("| metric | unit |").unwrap();
    let rows: Vec<_> = page[start..].lines().skip(2).take_while(|line| line.starts_with('|')).collect();
    let wanted: Vec<_> = meter::ALL
        .iter()
        .map(|metric| {
            let unit = match metric.unit {
                meter::Unit::Count => "count",
                meter::Unit::Milliseconds => "milliseconds",
            };
            let dimension = if metric.by_priority { " `Priority`" } else { "" };
            let by = metric.recorded_by.join(", ");
            format!("| `{}` | {unit} |{dimension} | {by} | {} |", metric.name, metric.tells)
        })
        .collect();
    assert_eq!(rows, wanted);
}

#[test]
fn the_dashboard_is_json_and_shows_every_metric_and_every_alarm() {
    let stack = inside();
    let board = stack.resource("Board").unwrap();
    assert_eq!(board["Condition"].as_str(), Some("DashboardIsWanted"));
    let body = tag(&board["Properties"]["DashboardBody"]).1;
    let parsed: serde_json::Value = serde_json::from_str(body).unwrap();
    let widgets = parsed["widgets"].as_array().unwrap();
    assert!(
        widgets.iter().all(|widget| widget["x"].as_u64().unwrap() + widget["width"].as_u64().unwrap() <= 24)
    );
    for metric in meter::ALL.iter().map(|metric| metric.name).chain(["ApiServerErrors"]) {
        assert!(body.contains(&format!("\"{metric}\"")), "{metric}");
    }
    for alarm in alarms().keys() {
        assert!(body.contains(&format!("${{{alarm}.Arn}}")), "{alarm}");
    }
    for function in &FUNCTIONS {
        assert!(
            body.contains(&format!("${{StackName}}-{}\"", function.name.to_lowercase())),
            "{}",
            function.name
        );
    }
    for queue in topology::ALL {
        assert!(body.contains(&format!("${{StackName}}-{}\"", queue.name)), "{}", queue.name);
    }
}

#[test]
fn the_stack_inside_gets_what_it_asks_for_and_knows_its_namesakes() {
    let (template, stack) = (Template::read(), inside());
    let inner = &template.resource("Observability").unwrap()["Properties"];
    assert_eq!(text(&inner["TemplateURL"]), "infra/observability.yaml");
    let given: BTreeMap<_, _> = inner["Parameters"]
        .as_mapping()
        .unwrap()
        .iter()
        .map(|(name, value)| (text(name), tag(value)))
        .collect();
    let asked = stack.0["Parameters"].as_mapping().unwrap();
    assert_eq!(given.keys().copied().collect::<BTreeSet<_>>(), asked.keys().map(text).collect());
    assert_eq!(given["StackName"], ("!Ref", "AWS::StackName"));
    for function in &FUNCTIONS {
        let name = tag(&template.function(function)["FunctionName"]).1;
        let wanted = format!("${{AWS::StackName}}-{}", function.name.to_lowercase());
        assert_eq!(name, wanted, "the namespace of what it measures is made of it too");
        assert!(!function.name.contains('-'));
    }
}

#[test]
fn lambda_writes_no_line_of_its_own_for_each_call_and_takes_none_of_ours_away() {
    let template = Template::read();
    let logging = &template.0["Globals"]["Function"]["LoggingConfig"];
    let set = ["LogFormat", "SystemLogLevel", "ApplicationLogLevel"].map(|name| text(&logging[name]));
    assert_eq!(set, ["JSON", "WARN", "TRACE"]);
    for function in &FUNCTIONS {
        assert!(template.function(function).get("LoggingConfig").is_none(), "{}", function.name);
    }
}
