//! The workflows, and what docs/DEPLOYING.md tells an operator to type.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_yaml_ng::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn workflows() -> BTreeMap<String, Value> {
    let folder = std::fs::read_dir(root().join(".github/workflows")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .map(|name| {
            let text = read(&format!(".github/workflows/{name}"));
            (name, serde_yaml_ng::from_str(&text).unwrap())
        })
        .collect()
}

fn jobs(workflow: &Value) -> impl Iterator<Item = (&str, &Value)> {
    workflow["jobs"].as_mapping().unwrap().iter().map(|(name, job)| (name.as_str().unwrap(), job))
}

fn steps(job: &Value) -> &[Value] {
    job.get("steps").and_then(Value::as_sequence).map_or(&[], Vec::as_slice)
}

#[test]
fn workflows_may_read_the_code_and_one_job_alone_may_ask_for_a_role() {
    let reads: Value = serde_yaml_ng::from_str("contents: read").unwrap();
    let deploys: Value = serde_yaml_ng::from_str("{ contents: read, id-token: write }").unwrap();
    let mut with_more = Vec::new();
    for (file, workflow) in &workflows() {
        assert_eq!(workflow["permissions"], reads, "{file}");
        assert!(
            workflow["on"].get("pull_request_target").is_none(),
            "{file}: strangers' code with our rights"
        );
        for (name, job) in jobs(workflow) {
            if let Some(permissions) = job.get("permissions") {
                assert_eq!(*permissions, deploys, "{file} {name}");
                with_more.push(format!("{file} {name}"));
            }
        }
    }
    assert_eq!(with_more, ["deploy.yml deploy"]);
}

#[test]
fn jobs_end_and_wait_for_jobs_that_there_are_and_actions_are_of_known_owners() {
    for (file, workflow) in &workflows() {
        let names: Vec<&str> = jobs(workflow).map(|(name, _)| name).collect();
        for (name, job) in jobs(workflow) {
            match job.get("uses").and_then(Value::as_str) {
                Some(called) => assert!(root().join(called).is_file(), "{file} {name}: {called}"),
                None => {
                    assert!(job["timeout-minutes"].as_u64().is_some(), "{file} {name} may hang for hours")
                }
            }
            if let Some(needed) = job.get("needs") {
                assert!(names.contains(&needed.as_str().unwrap()), "{file} {name} waits for {needed:?}");
            }
            for step in steps(job) {
                let action = step.get("uses").and_then(Value::as_str).unwrap_or("actions/checkout@v4");
                let (owner, _) = action.split_once('/').unwrap();
                let (_, version) = action.split_once('@').unwrap();
                assert!(["actions", "aws-actions"].contains(&owner), "{file} {name}: {action}");
                assert!(version.starts_with('v'), "{file} {name}: {action} may change under us");
                // What stands in an event or a variable is data, and not part of a script.
                let script = step.get("run").and_then(Value::as_str).unwrap_or_default();
                assert!(!script.contains("${{"), "{file} {name}: {script}");
            }
        }
    }
}

#[test]
fn nothing_is_built_once_the_account_is_open_and_nothing_is_deployed_unless_somebody_wants_it() {
    let workflow = &workflows()["deploy.yml"];
    let deploy = &workflow["jobs"]["deploy"];
    assert_eq!(deploy["if"].as_str(), Some("vars.DEPLOY == 'true'"));
    assert_eq!(deploy["needs"].as_str(), Some("ci"));
    assert_eq!(deploy["concurrency"]["cancel-in-progress"].as_bool(), Some(false));
    let place = |what: &str| {
        let found = steps(deploy).iter().position(|step| {
            ["uses", "run"]
                .iter()
                .any(|key| step.get(*key).and_then(Value::as_str).is_some_and(|text| text.contains(what)))
        });
        found.unwrap_or_else(|| panic!("no step has {what}"))
    };
    let opened = place("configure-aws-credentials");
    assert!(place("sam build") < opened && opened < place("sam deploy"));
    for step in &steps(deploy)[opened..] {
        let script = step.get("run").and_then(Value::as_str).unwrap_or_default();
        assert!(!script.contains("cargo") && !script.contains("pip"), "{script}");
    }
    let said = steps(deploy)[place("sam deploy")]["run"].as_str().unwrap();
    for word in ["--no-confirm-changeset", "--no-fail-on-empty-changeset", "Release=$(date +%s)"] {
        assert!(said.contains(word), "{word}");
    }
    // The walk comes last and has no role.
    let smoke = &workflow["jobs"]["smoke"];
    assert_eq!(smoke["needs"].as_str(), Some("deploy"));
    assert!(steps(smoke).iter().any(|step| step["run"].as_str() == Some("cargo xtask smoke --url \"$URL\"")));
}

#[test]
fn the_operators_page_names_parameters_resources_and_files_that_there_are() {
    let page = read("docs/DEPLOYING.md");
    let template: Value = serde_yaml_ng::from_str(&read("template.yaml")).unwrap();
    let role: Value = serde_yaml_ng::from_str(&read("infra/stack/deploy-role.yaml")).unwrap();
    let is_word = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
    let mut parameters = 0;
    for (place, _) in page.match_indices('=') {
        let name = page[..place].rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap();
        // Parameters alone begin with a capital and go on in small letters.
        let mut letters = name.chars();
        let begins = letters.next().is_some_and(|c| c.is_ascii_uppercase());
        let own = ["Name", "Enabled", "AttributeName", "PointInTimeRecoveryEnabled"];
        if begins && letters.next().is_some_and(|c| c.is_ascii_lowercase()) && !own.contains(&name) {
            let known = [&template, &role].iter().any(|one| one["Parameters"].get(name).is_some());
            assert!(known, "{name} is no parameter");
            parameters += 1;
        }
    }
    assert!(parameters > 8, "{parameters}");
    let quoted: Vec<&str> = page.split('`').skip(1).step_by(2).collect();
    let files = page
        .split(|c: char| !is_word(c))
        .filter(|word| word.starts_with("infra/") || word.starts_with(".github/"));
    for file in files {
        let file = file.trim_end_matches('.');
        assert!(root().join(file).exists(), "{file} is not there");
    }
    for (place, _) in page.match_indices("--logical-resource-id ") {
        let name = page[place..].split_whitespace().nth(1).unwrap();
        assert!(template["Resources"].get(name).is_some(), "{name}");
    }
    for (name, _) in template["Resources"].as_mapping().unwrap() {
        let name = name.as_str().unwrap();
        let is_secret = template["Resources"][name]["Type"] == "AWS::SecretsManager::Secret";
        assert!(!is_secret || quoted.contains(&name), "how {name} is rotated is not told");
    }
}
