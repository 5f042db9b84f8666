//! What is wrong with a task is said when its job is created, not when it runs.

use serde_json::{Value, json};

use crate::house::House;

#[tokio::test]
async fn a_mail_that_cannot_be_sent_is_refused_where_it_stands() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let mail = |to: Value| json!({"to": to, "subject": "Hello", "body": "How are you?"});
    for (body, places) in [
        (json!({"type": "email", "payload": mail(json!("nobody"))}), vec!["/payload/to"]),
        (
            json!({"type": "email", "parameters": mail(json!(["b@example.com", "b"]))}),
            vec!["/parameters/to/1"],
        ),
        (
            json!({"type": "email", "payload": mail(json!("b@example.com\r\nBcc: c@example.com"))}),
            vec!["/payload/to"],
        ),
        (json!({"type": "email"}), vec!["/payload/to", "/payload/subject", "/payload/body"]),
    ] {
        let refused = house.post(&ada, "/jobs", body).await;
        assert_eq!((refused.status.as_u16(), refused.places()), (400, places));
    }
    let older = json!({"type": "email", "parameters": mail(json!("b@example.com"))});
    let made = house.post(&ada, "/jobs", older).await;
    assert_eq!((made.status.as_u16(), &made.body["type"]), (201, &json!("email")));
    let id = made.text("jobId").to_owned();
    let edit = json!({"payload": mail(json!("b@"))});
    assert_eq!(house.patch(&ada, &id, edit).await.places(), ["/payload/to"]);
}

#[tokio::test]
async fn a_header_that_cannot_be_sent_is_refused_where_it_stands() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let call = |headers: Value| json!({"type": "http", "payload": {"url": "https://example.com", "headers": headers}});
    for (headers, place) in [
        (json!({"Host": "b.example"}), "/payload/headers/Host"),
        (json!({"content-length": "7"}), "/payload/headers/content-length"),
        (json!({"x y": "z"}), "/payload/headers/x y"),
        (json!({"x": "a\r\nHost: b.example"}), "/payload/headers/x"),
    ] {
        assert_eq!(house.post(&ada, "/jobs", call(headers)).await.places(), [place]);
    }
    assert_eq!(house.post(&ada, "/jobs", call(json!({"X-Team": "blue"}))).await.status, 201);
}
