//! The description of the API against what the API does.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use crate::house::House;
use crate::routes::{Access, TABLE};

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

#[tokio::test]
async fn what_is_served_is_what_the_code_says() {
    let house = House::new().await;
    let served = house.api.get("/openapi.json", "").await;
    assert_eq!(served.headers["content-type"], "application/json");
    let code: Value = serde_json::from_str(&local::openapi::document().unwrap()).unwrap();
    assert_eq!(served.json, code, "run `cargo xtask openapi`");
}

#[tokio::test]
async fn every_canonical_route_is_described_and_nothing_else_is() {
    let house = House::new().await;
    let document = house.api.get("/openapi.json", "").await.json;
    let described: BTreeSet<_> = operations(&document).map(|one| (one.method, one.path)).collect();
    let canonical = TABLE.iter().filter(|route| route.canonical);
    let canonical: BTreeSet<_> =
        canonical.map(|route| (route.method.to_lowercase(), route.path.to_owned())).collect();
    assert_eq!(described, canonical);
}

#[tokio::test]
async fn every_described_operation_answers_and_needs_what_it_says_it_needs() {
    let house = House::new().await;
    let document = house.api.get("/openapi.json", "").await.json;
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!(
        (&schemes["bearer"]["scheme"], &schemes["apiKey"]["name"]),
        (&json!("bearer"), &json!("X-Api-Key"))
    );
    for Operation { method, path, content } in operations(&document) {
        let what = format!("{method} {path}");
        let route =
            TABLE.iter().find(|route| route.method.eq_ignore_ascii_case(&method) && route.path == path);
        let access = route.unwrap().access;
        let needs_token = !matches!(access, Access::Public(_));
        let wanted = match (needs_token, access.scopes()) {
            (false, _) => Value::Null,
            (true, []) => json!([{ "bearer": [] }]),
            (true, _) => json!([{ "bearer": [] }, { "apiKey": [] }]),
        };
        assert_eq!(content["security"], wanted, "{what}");
        let answers: BTreeSet<_> = content["responses"].as_object().unwrap().keys().collect();
        assert!(answers.iter().any(|status| status.starts_with('2')), "{what}: {answers:?}");

        let method: Method = method.to_uppercase().parse().unwrap();
        let path = path.replace("{id}", "job_018bcfe568007abcabababababababab");
        for prefix in ["", "/api"] {
            let reply = house.api.call(method.clone(), &format!("{prefix}{path}"), "", &Value::Null).await;
            assert_eq!(reply.status == 401, needs_token || path == "/webhook-test", "{what}: {reply:?}");
            assert!(![404, 405].contains(&reply.status.as_u16()), "{what}: {reply:?}");
            let told = reply.status.as_str().to_owned();
            let known = answers.contains(&told) || content["responses"].get("default").is_some();
            assert!(
                known || needs_token || reply.status.is_client_error(),
                "{what}: {told} is not described"
            );
        }
    }
}

#[tokio::test]
async fn every_refusal_is_described_as_a_problem() {
    let house = House::new().await;
    let document = house.api.get("/openapi.json", "").await.json;
    for Operation { method, path, content } in operations(&document) {
        let answers = content["responses"].as_object().unwrap();
        assert!(answers.contains_key("default"), "{method} {path}");
        for (status, answer) in answers.iter().filter(|(status, _)| !status.starts_with('2')) {
            let place = answer["$ref"].as_str().and_then(|text| text.strip_prefix('#'));
            let answer = place.map_or(answer, |place| document.pointer(place).unwrap());
            let shapes = answer["content"].as_object().unwrap_or_else(|| panic!("{method} {path} {status}"));
            assert!(shapes.keys().eq(["application/problem+json"]), "{method} {path} {status}: {answer}");
            let schema = &shapes["application/problem+json"]["schema"]["$ref"];
            assert_eq!(schema, "#/components/schemas/Problem", "{method} {path} {status}");
        }
    }
}

#[tokio::test]
async fn the_bodies_that_are_read_are_described() {
    let house = House::new().await;
    let document = house.api.get("/openapi.json", "").await.json;
    let described = operations(&document).filter(|one| one.content["requestBody"].is_object());
    let described: BTreeSet<_> = described.map(|one| format!("{} {}", one.method, one.path)).collect();
    let read = [
        "delete /profile",
        "patch /jobs/{id}",
        "patch /profile",
        "patch /webhooks/{id}",
        "post /admin/dead-letters/redrive",
        "post /deliveries/redeliver",
        "post /jobs",
        "post /jobs/batch",
        "post /keys",
        "post /login",
        "post /profile/password",
        "post /register",
        "post /schedules/preview",
        "post /webhook-test",
        "post /webhooks",
        "post /webhooks/secret/rotate",
        "post /webhooks/{id}/rotate",
        "post /webhooks/{id}/test",
        "put /jobs/{id}",
        "put /profile",
    ];
    assert_eq!(described, read.map(str::to_owned).into());
    let either = json!([{ "required": ["taskName"] }, { "required": ["type"] }]);
    assert_eq!(document["components"]["schemas"]["NewJob"]["anyOf"], either);
    // What a schedule may be is told wherever one is.
    for schema in ["NewJob", "JobChange", "PreviewRequest", "Job"] {
        let schedule = &document["components"]["schemas"][schema]["properties"]["schedule"];
        assert!(schedule.to_string().contains("#/components/schemas/Schedule"), "{schema}: {schedule}");
    }
}

#[tokio::test]
async fn the_document_holds_together() {
    let house = House::new().await;
    let document = house.api.get("/openapi.json", "").await.json;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(document["info"]["title"].is_string() && document["info"]["version"].is_string());
    let mut references = BTreeSet::new();
    collect_references(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let place = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} leads out of it"));
        assert!(document.pointer(place).is_some(), "{reference} leads nowhere");
    }
    let mut names = BTreeSet::new();
    for Operation { method, path, content } in operations(&document) {
        let what = format!("{method} {path}");
        let name = content["operationId"].as_str().unwrap_or_else(|| panic!("{what} has no operationId"));
        assert!(names.insert(name.to_owned()), "{what}: {name} is the name of another too");
        assert!(content["summary"].as_str().is_some_and(|text| !text.is_empty()), "{what}");
        let parameters = content["parameters"].as_array().cloned().unwrap_or_default();
        let in_path: BTreeSet<_> = parameters
            .iter()
            .filter(|one| one["in"] == "path")
            .map(|one| one["name"].as_str().unwrap())
            .collect();
        let wanted: BTreeSet<_> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(in_path, wanted, "{what}");
        assert!(parameters.iter().all(|one| one["in"] != "path" || one["required"] == true), "{what}");
    }
}

#[tokio::test]
async fn every_link_leads_to_an_operation_and_gives_it_what_its_path_needs() {
    let house = House::new().await;
    let document = house.api.get("/openapi.json", "").await.json;
    let all: Vec<_> = operations(&document).collect();
    let mut links = 0;
    for Operation { method, path, content } in &all {
        for link in
            content["responses"].as_object().unwrap().values().filter_map(|one| one["links"].as_object())
        {
            for (name, link) in link {
                let what = format!("{method} {path} {name}");
                let to = all.iter().find(|one| one.content["operationId"] == link["operationId"]);
                let to = to.unwrap_or_else(|| panic!("{what} leads nowhere"));
                let given: BTreeSet<_> =
                    link["parameters"].as_object().into_iter().flatten().map(|(n, _)| n).collect();
                let needed = to.content["parameters"].as_array().into_iter().flatten();
                let needed =
                    needed.filter(|one| one["in"] == "path").map(|one| one["name"].as_str().unwrap());
                assert!(
                    needed.clone().all(|name| given.iter().any(|given| *given == name)),
                    "{what}: {given:?}"
                );
                links += 1;
            }
        }
    }
    assert!(links >= 38, "{links} links");
}

#[tokio::test]
async fn an_empty_parameter_is_told_to_be_as_good_as_none() {
    let house = House::new().await;
    let document = house.api.get("/openapi.json", "").await.json;
    for Operation { method, path, content } in operations(&document) {
        for parameter in content["parameters"].as_array().into_iter().flatten() {
            let is_query = parameter["in"] == "query";
            assert_eq!(parameter["allowEmptyValue"] == true, is_query, "{method} {path} {parameter}");
        }
    }
}

struct Operation {
    method: String,
    path: String,
    content: Value,
}

fn operations(document: &Value) -> impl Iterator<Item = Operation> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, item)| {
        let known = METHODS.iter().filter_map(|method| Some((*method, item.get(*method)?)));
        known.map(|(method, content)| Operation {
            method: method.to_owned(),
            path: path.clone(),
            content: content.clone(),
        })
    })
}

fn collect_references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, found)),
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| collect_references(member, found));
        }
        _ => {}
    }
}
