//! E-mail, as the SDK sends it and as the outbox shows it.

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message};
use domain::time::Moment;
use serde_json::json;

use crate::bed::{Bed, START};

fn content(text: &str) -> Content {
    Content::builder().data(text).charset("UTF-8").build().unwrap()
}

async fn send(client: &Client, subject: &str, body: Body) -> String {
    let to = ["ada@example.com", "bob@example.com"].map(str::to_owned).to_vec();
    let destination = Destination::builder()
        .set_to_addresses(Some(to))
        .cc_addresses("c@example.com")
        .bcc_addresses("d@example.com")
        .build();
    let message = Message::builder().subject(content(subject)).body(body).build();
    let sent = client
        .send_email()
        .from_email_address("Nightjar <nightjar@example.com>")
        .destination(destination)
        .reply_to_addresses("r@example.com")
        .content(EmailContent::builder().simple(message).build())
        .send();
    sent.await.unwrap().message_id.unwrap()
}

#[tokio::test]
async fn the_outbox_shows_all_of_a_mail() {
    let bed = Bed::new();
    let client = Client::new(&bed.engine.sdk_config());
    let first = send(&client, "Grüße", Body::builder().text(content("a\nb")).build()).await;
    bed.pass(1_500);
    let both = Body::builder().text(content("plain")).html(content("<p>rich</p>")).build();
    let second = send(&client, "two", both).await;
    assert_ne!(first, second);
    let sent = bed.engine.sent_mail();
    assert_eq!(sent.len(), 2);
    assert_eq!(
        serde_json::to_value(&sent[0]).unwrap(),
        json!({
            "messageId": first,
            "at": Moment::from_millis(START).to_string(),
            "from": "Nightjar <nightjar@example.com>",
            "to": ["ada@example.com", "bob@example.com"],
            "cc": ["c@example.com"],
            "bcc": ["d@example.com"],
            "replyTo": ["r@example.com"],
            "subject": "Grüße",
            "text": "a\nb",
            "html": null,
        })
    );
    assert_eq!(
        (sent[1].message_id.as_str(), sent[1].html.as_deref()),
        (second.as_str(), Some("<p>rich</p>"))
    );
    assert_eq!(sent[1].at, Moment::from_millis(START + 1_500));
}

#[tokio::test]
async fn a_mail_that_is_refused_is_not_in_the_outbox() {
    let bed = Bed::new();
    let client = Client::new(&bed.engine.sdk_config());
    let nobody = client.send_email().from_email_address("nightjar@example.com");
    let refused = nobody.content(EmailContent::builder().build()).send().await.unwrap_err();
    assert!(refused.into_service_error().is_bad_request_exception());
    assert_eq!(bed.engine.sent_mail(), []);
}

#[tokio::test]
async fn the_outbox_keeps_the_last_thousand() {
    let bed = Bed::new();
    let client = Client::new(&bed.engine.sdk_config());
    for n in 0..1_003 {
        send(&client, &n.to_string(), Body::builder().text(content("x")).build()).await;
    }
    let sent = bed.engine.sent_mail();
    assert_eq!((sent.len(), sent[0].subject.as_str(), sent[999].subject.as_str()), (1_000, "3", "1002"));
}
