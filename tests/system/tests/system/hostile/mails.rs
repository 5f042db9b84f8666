//! Mails that would say more than their sender wrote.

use http::Method;
use serde_json::{Value, json};

use crate::house::House;

fn fitting() -> Value {
    json!({ "to": "bob@example.com", "subject": "Hello", "body": "How are you?" })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_header_is_smuggled_into_a_mail() {
    let house = House::new().await;
    let api = &house.api;
    let ada = api.person("ada").await;
    let token = api.key(&ada.token, &["read", "write"]).await.text;
    let change = format!("/jobs/{}", api.job(&token, json!({ "type": "email", "payload": fitting() })).await);
    let mut cases = Vec::new();
    for text in [
        "Hi\r\nBcc: eve@example.com",
        "Hi\nBcc: eve@example.com",
        "Hi\rBcc: eve@example.com",
        "Hi\u{0}",
        "Hi\u{b}Bcc: eve@example.com",
        "Hi\u{85}Bcc: eve@example.com",
        "Hi\u{2028}Bcc: eve@example.com",
        "Hi\u{2029}Bcc: eve@example.com",
        "",
        " ",
        &"x".repeat(999),
    ] {
        cases.push(("subject", json!(text), "/subject"));
    }
    for text in [
        "bob@example.com\r\nBcc: eve@example.com",
        "bob@example.com\nBcc: eve@example.com",
        "bob@example.com, eve@example.com",
        "bob@example.com;eve@example.com",
        "bob@example.com eve@example.com",
        "Bob <bob@example.com>",
        "<bob@example.com>",
        "bob@example.com\u{0}",
        "\"bob\r\n\"@example.com",
        "bob",
        "@example.com",
        "bob@",
        "bob@@example.com",
        "",
        &format!("{}@example.com", "b".repeat(90_000)),
    ] {
        for member in ["to", "cc", "bcc", "replyTo"] {
            cases.push((member, json!(text), ""));
            cases.push((member, json!(["bob@example.com", text]), "/1"));
        }
    }
    cases.extend([
        ("to", Value::Null, ""),
        ("to", json!([]), ""),
        ("to", json!(7), ""),
        ("to", json!([["bob@example.com"]]), "/0"),
        ("to", json!(vec!["bob@example.com"; 51]), ""),
        ("cc", json!(vec!["bob@example.com"; 50]), "to"),
        ("body", json!(7), ""),
        ("body", Value::Null, ""),
        ("html", json!(["<p>"]), ""),
        ("subject", json!(["Hello"]), "/subject"),
    ]);
    for (member, value, place) in cases {
        let pointer = match place {
            "" => format!("/payload/{member}"),
            "/subject" => "/payload/subject".to_owned(),
            "to" => "/payload/to".to_owned(),
            place => format!("/payload/{member}{place}"),
        };
        let mut payload = fitting();
        payload[member] = value.clone();
        for (method, path) in [(Method::POST, "/jobs"), (Method::PATCH, change.as_str())] {
            let body = json!({ "type": "email", "payload": payload });
            let reply = api.call(method.clone(), path, &token, &body).await;
            let what = format!("{method} {path} {member}={:.60}", value.to_string());
            assert_eq!(reply.problem(400, &what), Some(pointer.as_str()), "{what}: {}", reply.json);
        }
        // Under its other name the faults are told under that name.
        let body = json!({ "type": "email", "parameters": payload });
        let reply = api.post("/jobs", &token, body).await;
        let pointer = pointer.replacen("/payload", "/parameters", 1);
        assert_eq!(reply.problem(400, member), Some(pointer.as_str()), "{}", reply.json);
    }
    let outbox = api.get("/local/outbox", "").await;
    assert_eq!(outbox.json["mails"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_mail_has_changes_nothing_about_it() {
    let house = House::new().await;
    let api = &house.api;
    let ada = api.person("ada").await;
    let mut payload = fitting();
    payload["headers"] = json!({ "Bcc": "eve@example.com" });
    payload["from"] = json!("root@example.com");
    payload["body"] = json!("Hi\r\n.\r\nBcc: eve@example.com\r\n\r\n<script>");
    let body = json!({ "type": "email", "payload": payload, "run": true });
    let job = api.job(&ada.token, body).await;
    api.until_status(&ada.token, &job, "completed").await;
    let outbox = api.get("/local/outbox", "").await.json;
    let [mail] = &outbox["mails"].as_array().unwrap()[..] else { panic!("{outbox}") };
    assert_eq!((&mail["to"], &mail["bcc"]), (&json!(["bob@example.com"]), &json!([])), "{mail}");
    assert_ne!(mail["from"], "root@example.com");
    assert_eq!(mail["text"], payload["body"]);
}
