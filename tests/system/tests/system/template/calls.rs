//! Calls that functions have made, against what their roles allow: no call without a permission, and no permission
//! without a call unless the template says why.
//!
//! `cargo xtask iam` gathers the calls of the system tests, and `cargo xtask test-stack` those of a deployment.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use engine::ledger::{Asked, asked};
use queue::topology;
use serde_yaml_ng::Value;

use super::{FUNCTIONS, Function, Template, beginnings};

/// The folders whose calls are judged, one after the other between colons.
const FOLDERS: &str = "NIGHTJAR_JUDGED";
/// That they are not all that the functions do: a permission without a call is no fault then.
const IN_PART: &str = "NIGHTJAR_JUDGED_IN_PART";
/// What the comment on a permission begins with that no code of the function uses.
const EXPLAINED: &str = "# No call of the function's own:";
/// What every role allows for logs and traces, which the service writes and not the function.
const OF_THE_SERVICE: [&str; 2] = ["logs:", "xray:"];

/// One thing that a role allows: an action, on one resource, on keys that begin so (none where keys are no matter).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Permission {
    action: String,
    resource: String,
    keys: Option<String>,
}

/// The queues by their names in the template.
const QUEUES: [(&str, &str); 6] = [
    (topology::JOBS_HIGH.name, "JobsHighQueue"),
    (topology::JOBS_MEDIUM.name, "JobsMediumQueue"),
    (topology::JOBS_LOW.name, "JobsLowQueue"),
    (topology::JOBS_DLQ.name, "JobsDlq"),
    (topology::WEBHOOKS.name, "WebhooksQueue"),
    (topology::WEBHOOKS_DLQ.name, "WebhooksDlq"),
];
/// What a secret's name contains, and its name in the template.
const SECRETS: [(&str, &str); 3] =
    [("auth", "AuthSecret"), ("data", "DataSecret"), ("webhook", "WebhookSigningSecret")];

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Findings {
    /// Calls that the role does not allow, and by whom.
    forbidden: BTreeSet<String>,
    /// Permissions that no call has used and no comment explains.
    unexplained: BTreeSet<String>,
    /// A line a function: what it may do, what it did, and what is explained.
    lines: Vec<String>,
}

/// The permissions of a function's role, but for those that the service itself uses.
fn permissions(template: &Template, function: &Function) -> Vec<Permission> {
    let allowed = template.allowed(function).into_iter();
    let own =
        allowed.filter(|(action, ..)| !OF_THE_SERVICE.iter().any(|service| action.starts_with(service)));
    let each = own.flat_map(|(action, resources, condition)| {
        let keys = beginnings(&condition);
        let keys: Vec<_> = if keys.is_empty() { vec![None] } else { keys.into_iter().map(Some).collect() };
        resources.into_iter().flat_map(move |resource| {
            let (action, keys) = (action.clone(), keys.clone());
            keys.into_iter().map(move |keys| Permission {
                action: action.clone(),
                resource: logical(&resource),
                keys,
            })
        })
    });
    each.collect()
}

/// The resource by its name in the template, an index behind a slash.
fn logical(resource: &str) -> String {
    if let Some((_, index)) = resource.split_once("/index/") {
        return format!("Table/{index}");
    }
    if resource.contains(":ses:") {
        return "mail".to_owned();
    }
    resource.trim_end_matches(".Arn").to_owned()
}

impl Permission {
    fn allows(&self, need: &Asked) -> bool {
        let key = match (&self.keys, &need.key) {
            (None, _) => true,
            (Some(pattern), Some(key)) => match pattern.strip_suffix('*') {
                Some(beginning) => key.starts_with(beginning),
                None => key == pattern,
            },
            (Some(_), None) => false,
        };
        key && self.action == need.action && self.resource == need.resource
    }
}

impl std::fmt::Display for Permission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} on {}", self.action, self.resource)?;
        self.keys.as_ref().map_or(Ok(()), |keys| write!(f, " where keys begin {keys}"))
    }
}

/// Holds calls, as (function, need), against the roles.
fn judge(template: &Template, text: &str, calls: &BTreeSet<(String, Asked)>) -> Findings {
    let mut findings = Findings::default();
    for function in &FUNCTIONS {
        let name = function.name.to_lowercase();
        let permissions = permissions(template, function);
        let needs: Vec<_> = calls.iter().filter(|(by, _)| *by == name).map(|(_, need)| need).collect();
        for need in &needs {
            if !permissions.iter().any(|permission| permission.allows(need)) {
                findings.forbidden.insert(format!("{name}: {need}"));
            }
        }
        let (mut used, mut explained) = (0, 0);
        for permission in &permissions {
            if needs.iter().any(|need| permission.allows(need)) {
                used += 1;
            } else if explains(text, function.name, &permission.action) {
                explained += 1;
            } else {
                findings.unexplained.insert(format!("{name}: {permission}"));
            }
        }
        findings.lines.push(format!(
            "{name:<11} granted {:>3}  used {used:>3}  explained {explained:>2}  unexplained {:>2}",
            permissions.len(),
            permissions.len() - used - explained
        ));
    }
    let known: BTreeSet<_> = FUNCTIONS.iter().map(|function| function.name.to_lowercase()).collect();
    let strangers = calls.iter().map(|(by, _)| by).filter(|by| !known.contains(*by));
    findings.forbidden.extend(strangers.map(|by| format!("{by}: is no function of the template")));
    findings
}

/// Whether a comment in the function's role explains why that action has no call: at its own line, or above the
/// statement.
fn explains(text: &str, function: &str, action: &str) -> bool {
    let role = text.split_once(&format!("\n  {function}Role:\n")).map_or("", |(_, rest)| rest);
    let mut explained = false;
    for line in role.lines().take_while(|line| line.is_empty() || line.starts_with("   ")) {
        let trimmed = line.trim_start();
        if trimmed.starts_with("- Sid:") {
            explained = false;
        }
        if trimmed.starts_with(EXPLAINED) {
            explained = true;
        }
        let names_it = line.split([' ', ',', '[', ']']).any(|word| word == action);
        if names_it && (explained || line.contains(EXPLAINED)) {
            return true;
        }
    }
    false
}

/// The calls in all files of these folders.
fn read(folders: &[PathBuf]) -> BTreeSet<(String, Asked)> {
    let mut calls = BTreeSet::new();
    for folder in folders {
        let entries =
            std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for file in entries {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for line in text.lines() {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                let by = line["function"].as_str().unwrap().to_owned();
                calls.extend(of_line(&line).into_iter().map(|need| (by.clone(), named(need))));
            }
        }
    }
    calls
}

/// What a line of a ledger tells, be it of the call itself or of what it asked for.
fn of_line(line: &serde_json::Value) -> BTreeSet<Asked> {
    if line["asked"].is_null() {
        let text = |member: &str| line[member].as_str().unwrap_or_default();
        return asked(text("target"), text("uri"), &line["body"]);
    }
    [serde_json::from_value(line["asked"].clone()).unwrap()].into()
}

/// The same with the resource by its name in the template.
fn named(asked: Asked) -> Asked {
    let resource = asked.resource.as_str();
    let of = |prefix: &str| asked.action.starts_with(prefix);
    let known = if of("sqs:") {
        QUEUES.iter().find(|(name, _)| resource == *name || resource.ends_with(&format!("-{name}")))
    } else if of("secretsmanager:") {
        SECRETS.iter().find(|(part, _)| resource.to_lowercase().contains(part))
    } else {
        None
    };
    let resource = known.map_or_else(|| resource.replace("table", "Table"), |(_, name)| (*name).to_owned());
    Asked { resource, ..asked }
}

fn template_text() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml")).unwrap()
}

/// The folders that the environment names, or one that a short walk through the system fills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_make_the_calls_that_their_roles_allow() {
    #[allow(clippy::disallowed_methods, reason = "this is no part of the product that is configured")]
    let (judged, in_part) = (std::env::var_os(FOLDERS), std::env::var_os(IN_PART));
    let own = tempfile::tempdir().unwrap();
    let folders = match &judged {
        Some(folders) => std::env::split_paths(folders).collect(),
        None => {
            walk(own.path()).await;
            vec![own.path().to_owned()]
        }
    };
    let calls = read(&folders);
    assert!(calls.len() > 20, "{} kinds of calls are too few to tell anything", calls.len());
    let findings = judge(&Template::read(), &template_text(), &calls);
    assert!(findings.forbidden.is_empty(), "calls without a permission:\n{:#?}", findings.forbidden);
    if judged.is_some() {
        println!("\n{}\n", findings.lines.join("\n"));
        assert!(
            in_part.is_some() || findings.unexplained.is_empty(),
            "permissions without a call and without `{EXPLAINED}` in template.yaml:\n{:#?}",
            findings.unexplained
        );
    }
}

/// A job that runs and tells of it.
async fn walk(folder: &Path) {
    use serde_json::json;

    use crate::house::{Api, settings};

    let settings = local::Settings { calls: Some(folder.to_owned()), ..settings() };
    let system = local::System::start(&settings).await.unwrap();
    let api = Api::at(format!("http://{}", system.address()));
    let ada = api.person("ada").await;
    let hook = format!("{}/webhook-test", api.base);
    let job = json!({ "type": "http", "payload": { "url": format!("{}/health", api.base) }, "run": true, "webhookUrl": hook });
    let job = api.job(&ada.token, job).await;
    api.until_delivery(&ada.token, &job, |row| row["state"] == "delivered").await;
    system.drain().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(text: &str) -> Template {
        Template(serde_yaml_ng::from_str::<Value>(text).unwrap())
    }

    /// The real template, but the scheduler's role says this.
    fn with_role(statements: &str) -> (Template, String) {
        let text = template_text();
        let (before, rest) = text.split_once("\n  SchedulerRole:\n").unwrap();
        let (_, after) = rest.split_once("\n  SchedulerLogs:\n").unwrap();
        let role = format!(
            "    Type: AWS::IAM::Role\n    Properties:\n      Policies:\n        - PolicyName: scheduler\n          \
             PolicyDocument:\n            Statement:\n{statements}"
        );
        let text = format!("{before}\n  SchedulerRole:\n{role}\n  SchedulerLogs:\n{after}");
        (template(&text), text)
    }

    fn asking(action: &str, resource: &str, key: Option<&str>) -> (String, Asked) {
        let (action, resource) = (action.to_owned(), resource.to_owned());
        ("scheduler".to_owned(), Asked { action, resource, key: key.map(str::to_owned) })
    }

    const ROLE: &str = "              - Sid: Due\n                Action: [dynamodb:Query]\n                \
         Resource: !Sub ${Table.Arn}/index/due\n                \
         Condition: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['DUE#*'] } }\n";

    fn of_the_scheduler(found: &BTreeSet<String>) -> Vec<&str> {
        found.iter().map(String::as_str).filter(|one| one.starts_with("scheduler")).collect()
    }

    #[test]
    fn a_call_that_no_permission_covers_is_found() {
        let (template, text) = with_role(ROLE);
        let allowed = asking("dynamodb:Query", "Table/due", Some("DUE#03"));
        let fine = judge(&template, &text, &[allowed.clone()].into());
        assert_eq!(of_the_scheduler(&fine.forbidden), [""; 0]);
        assert_eq!(of_the_scheduler(&fine.unexplained), [""; 0]);
        for other in [
            asking("dynamodb:Query", "Table/due", Some("DEAD")),
            asking("dynamodb:Query", "Table/due", None),
            asking("dynamodb:Query", "Table/list", Some("DUE#03")),
            asking("dynamodb:GetItem", "Table", Some("JOB#1")),
        ] {
            let found = judge(&template, &text, &[allowed.clone(), other.clone()].into());
            assert_eq!(of_the_scheduler(&found.forbidden).len(), 1, "{other:?}");
        }
        let stranger = ("who".to_owned(), allowed.1);
        assert_eq!(judge(&template, &text, &[stranger].into()).forbidden.len(), 1);
    }

    #[test]
    fn a_permission_that_no_call_uses_is_found_unless_it_is_explained() {
        let (template, text) = with_role(ROLE);
        let found = judge(&template, &text, &BTreeSet::new());
        assert_eq!(
            of_the_scheduler(&found.unexplained),
            ["scheduler: dynamodb:Query on Table/due where keys begin DUE#*"]
        );
        for explained in [
            ROLE.replace("[dynamodb:Query]", &format!("[dynamodb:Query] {EXPLAINED} for a reason")),
            ROLE.replace(
                "                Action",
                &format!("                {EXPLAINED} so\n                Action"),
            ),
        ] {
            let (template, text) = with_role(&explained);
            let found = judge(&template, &text, &BTreeSet::new());
            assert_eq!(of_the_scheduler(&found.unexplained), [""; 0], "{explained}");
        }
    }
}
