//! A task that sends an e-mail.
//!
//! Payload: `to` (an address or a list), `subject`, and `body` (or `text`: plain text), `html`, or both; if
//! wanted `cc`, `bcc` and `replyTo`. Result: `messageId`.
//!
//! If the mailer's answer is lost, nobody knows whether the mail went out, and the next attempt sends it again:
//! a mail may arrive twice.

use domain::input::Fault;
use serde_json::{Value, json};

use crate::reading::{Reading, refused};
use crate::{Address, Answer, Call, Mail};

/// The most recipients of a mail, all of them together.
const MOST_RECIPIENTS: usize = 50;
/// The longest subject: what fits into a line of a mail.
const LONGEST_SUBJECT: usize = 998;

pub(crate) fn check(payload: &Value) -> Vec<Fault> {
    read(payload).err().unwrap_or_default()
}

pub(crate) async fn run(call: &Call<'_>) -> Answer {
    let mail = read(&call.payload).map_err(refused)?;
    let id = call.world.mailer.send(call.job.user_id, mail).await?;
    Ok(Some(json!({ "messageId": id })))
}

fn read(payload: &Value) -> Result<Mail, Vec<Fault>> {
    let mut reading = Reading::of(payload);
    if reading.member("to").is_none() {
        reading.fault("to", "an email task needs an address, or a list of addresses");
    }
    let [to, cc, bcc, reply_to] = ["to", "cc", "bcc", "replyTo"].map(|name| addresses(&mut reading, name));
    if to.len() + cc.len() + bcc.len() > MOST_RECIPIENTS {
        reading.fault("to", format!("has more than {MOST_RECIPIENTS} recipients together with cc and bcc"));
    }
    let subject = subject(&mut reading);
    let body = reading.text("body");
    let text = reading.text("text");
    if body.is_some() && text.is_some() {
        reading.fault("text", "is another name of body; send one of the two");
    }
    let text = body.or(text).filter(|text| !text.is_empty());
    let html = reading.text("html").filter(|text| !text.is_empty());
    let given =
        ["body", "text", "html"].iter().any(|name| reading.member(name).is_some_and(|v| !v.is_string()));
    if text.is_none() && html.is_none() && !given {
        reading.fault("body", "an email task needs a body, as text, or else html");
    }
    let (text, html) = (text.map(str::to_owned), html.map(str::to_owned));
    reading.finish(subject.map(|subject| Mail { to, cc, bcc, reply_to, subject, text, html }))
}

/// One address, or a list of them; none if the payload has no such member.
fn addresses(reading: &mut Reading<'_>, name: &str) -> Vec<Address> {
    let list = match reading.member(name) {
        None => return Vec::new(),
        Some(Value::Array(list)) if list.is_empty() || list.len() > MOST_RECIPIENTS => {
            reading.fault(name, format!("must list 1 to {MOST_RECIPIENTS} addresses"));
            return Vec::new();
        }
        Some(Value::Array(list)) => {
            list.iter().enumerate().map(|(n, one)| (format!("{name}/{n}"), one)).collect()
        }
        Some(one) => vec![(name.to_owned(), one)],
    };
    let mut found = Vec::new();
    for (place, one) in list {
        match one.as_str().map(Address::parse) {
            Some(Ok(address)) => found.push(address),
            Some(Err(refused)) => reading.fault(place, refused),
            None => reading.fault(place, "must be an e-mail address, as text"),
        }
    }
    found
}

fn subject(reading: &mut Reading<'_>) -> Option<String> {
    if reading.member("subject").is_none() {
        reading.fault("subject", "an email task needs a subject");
        return None;
    }
    let subject = reading.text("subject")?;
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let fits = (1..=LONGEST_SUBJECT).contains(&subject.chars().count()) && !subject.contains(breaks);
    if !fits || subject.trim().is_empty() {
        reading.fault(
            "subject",
            format!("must have 1 to {LONGEST_SUBJECT} characters that are not all blank, in one line"),
        );
    }
    Some(subject.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::{Trial, places};
    use crate::{Failure, TaskType};

    fn fitting() -> Value {
        json!({"to": "ada@example.com", "subject": "Hello", "body": "How are you?"})
    }

    fn with(member: &str, value: Value) -> Value {
        let mut payload = fitting();
        payload[member] = value;
        payload
    }

    #[test]
    fn each_fault_is_told_with_its_place() {
        let many = vec!["a@example.com"; 51];
        for (member, value, wanted) in [
            ("to", json!(null), &["/payload/to"][..]),
            ("to", json!(""), &["/payload/to"]),
            ("to", json!("nobody"), &["/payload/to"]),
            ("to", json!(7), &["/payload/to"]),
            ("to", json!([]), &["/payload/to"]),
            ("to", json!(many), &["/payload/to"]),
            ("to", json!(["a@example.com", "b", 3, "c@example.com"]), &["/payload/to/1", "/payload/to/2"]),
            ("to", json!("a@example.com\r\nBcc: b@example.com"), &["/payload/to"]),
            ("to", json!("a@example.com,b@example.com"), &["/payload/to"]),
            ("cc", json!("x"), &["/payload/cc"]),
            ("cc", json!(vec!["a@example.com"; 50]), &["/payload/to"]),
            ("bcc", json!(["a@example.com", {}]), &["/payload/bcc/1"]),
            ("replyTo", json!("x y@example.com"), &["/payload/replyTo"]),
            ("subject", json!(null), &["/payload/subject"]),
            ("subject", json!(1), &["/payload/subject"]),
            ("subject", json!(""), &["/payload/subject"]),
            ("subject", json!("  "), &["/payload/subject"]),
            ("subject", json!("s".repeat(999)), &["/payload/subject"]),
            ("subject", json!("Hello\r\nBcc: b@example.com"), &["/payload/subject"]),
            ("subject", json!("Hello\u{2028}there"), &["/payload/subject"]),
            ("body", json!(null), &["/payload/body"]),
            ("body", json!(""), &["/payload/body"]),
            ("body", json!({"text": "x"}), &["/payload/body"]),
            ("text", json!("both"), &["/payload/text"]),
            ("html", json!(["x"]), &["/payload/html"]),
        ] {
            assert_eq!(places(&check(&with(member, value.clone()))), wanted, "{member} {value}");
        }
        assert_eq!(places(&check(&json!("text"))), ["/payload/to", "/payload/subject", "/payload/body"]);
    }

    #[tokio::test]
    async fn what_the_payload_says_is_what_is_sent() {
        let trial = Trial::default();
        let payload = json!({
            "to": ["ada@example.com", " bob@exämple.de "], "cc": "c@example.com", "bcc": ["d@example.com"],
            "replyTo": "r@example.com", "subject": "s".repeat(998), "text": "a\nb", "html": "<p>a</p>",
        });
        let answer = trial.run("email", payload).await;
        assert_eq!(answer, Ok(Some(json!({"messageId": "mail-1"}))));
        let addresses =
            |list: &[&str]| list.iter().map(|one| Address::parse(one).unwrap()).collect::<Vec<_>>();
        let wanted = Mail {
            to: addresses(&["ada@example.com", "bob@xn--exmple-cua.de"]),
            cc: addresses(&["c@example.com"]),
            bcc: addresses(&["d@example.com"]),
            reply_to: addresses(&["r@example.com"]),
            subject: "s".repeat(998),
            text: Some("a\nb".to_owned()),
            html: Some("<p>a</p>".to_owned()),
        };
        assert_eq!(trial.mails(), [wanted]);
        let only_html = json!({"to": "a@example.com", "subject": "x", "html": "<p/>"});
        assert!(trial.run("email", only_html).await.is_ok());
        assert_eq!(trial.mails()[1].text, None);
    }

    #[tokio::test]
    async fn a_payload_that_makes_no_mail_is_final() {
        let trial = Trial::default();
        let answer = trial.run("email", with("subject", json!("a\nb"))).await;
        assert!(matches!(answer, Err(Failure::Final(why)) if why.starts_with("/payload/subject must have")));
        assert!(trial.mails().is_empty());
    }

    #[test]
    fn it_is_registered_under_its_name() {
        let known: Option<&TaskType> = crate::find("email");
        assert_eq!(known.map(|known| (known.check)(&fitting())), Some(Vec::new()));
    }
}
