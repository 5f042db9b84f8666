//! The e-mail that tells the owner of a webhook endpoint that it fails, and that it was switched off.
//!
//! The URL may carry a credential in its query, so the mail names the host alone.

use url::Url;

use super::{NAME_BYTES, Notice, one_line, text};
use crate::endpoint::{Endpoint, Told};
use crate::log::cut;
use crate::time::Moment;

/// The notice of what became of an endpoint at that moment: since when it has failed, or when it was switched off.
pub fn of_endpoint(endpoint: &Endpoint, told: Told, at: Moment, days: Option<u32>) -> Notice {
    let host = Url::parse(&endpoint.url).ok().and_then(|url| url.host_str().map(str::to_owned));
    let host = cut(&one_line(&host.unwrap_or_default()), NAME_BYTES);
    let name = one_line(&endpoint.description);
    let (subject, what) = match told {
        Told::Warning => (
            format!("Webhook endpoint fails: {host}"),
            vec![
                format!("Every attempt to deliver a webhook to {host} has failed since {at}."),
                deadline(days),
            ],
        ),
        Told::Failing => (
            format!("Webhook endpoint switched off: {host}"),
            vec![format!(
                "For days every attempt to deliver a webhook to {host} had failed. It was switched off at {at}."
            )],
        ),
        Told::Gone => (
            format!("Webhook endpoint switched off: {host}"),
            vec![format!(
                "{host} has answered 410 Gone, which asks to send it nothing more. It was switched off at {at}."
            )],
        ),
    };
    let mut lines = what;
    lines.push(String::new());
    lines.push(format!("Endpoint: {}", endpoint.id));
    if !name.is_empty() {
        lines.push(format!("Name:     {}", cut(&name, NAME_BYTES)));
    }
    lines.push(String::new());
    lines.push(
        "What could not be delivered is listed at GET /deliveries, with the receiver's answers.".to_owned(),
    );
    if told != Told::Warning {
        lines.push(
            "Events are kept meanwhile, as skipped. Once the endpoint is enabled again (PATCH /webhooks/{id} with \
             enabled: true), POST /deliveries/redeliver sends them."
                .to_owned(),
        );
    }
    Notice { subject, body: text(&lines) }
}

fn deadline(days: Option<u32>) -> String {
    match days {
        Some(1) => {
            "If that goes on, the endpoint is switched off a day after the first failure at the earliest."
                .to_owned()
        }
        Some(days) => format!(
            "If that goes on, the endpoint is switched off, at the earliest {days} days after the first failure and a \
             day after this mail. A single success prevents it."
        ),
        None => "If that goes on, the endpoint is switched off. A single success prevents it.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::Events;
    use crate::user::Signing;

    fn endpoint(url: &str, description: &str) -> Endpoint {
        Endpoint {
            id: "end_018bcfe568007abcabababababababab".parse().unwrap(),
            user_id: "usr_018bcfe568007abcabababababababab".parse().unwrap(),
            url: url.to_owned(),
            description: description.to_owned(),
            events: Events::All,
            enabled: true,
            signing: Signing::of(serde_json::from_value("x".into()).unwrap()),
            steps: None,
            rate: None,
            headers: None,
            created_at: Moment::from_millis(0),
            updated_at: Moment::from_millis(0),
            version: 1,
        }
    }

    #[test]
    fn no_credential_and_no_line_of_the_owner_gets_into_a_mail() {
        let odd = endpoint("https://hooks.example.com/in?token=secret", "orders\r\nBcc: all@example.com");
        let at = Moment::from_millis(1_700_000_000_000);
        for told in [Told::Warning, Told::Failing, Told::Gone] {
            let notice = of_endpoint(&odd, told, at, Some(5));
            assert!(notice.subject.ends_with("hooks.example.com") && !notice.subject.contains('\n'));
            assert!(!notice.body.contains("secret") && !notice.body.contains("\nBcc"), "{}", notice.body);
            assert!(notice.body.contains("Name:     orders Bcc: all@example.com"));
            assert!(notice.body.contains("2023-11-14T22:13:20.000Z") && notice.body.contains("end_018b"));
        }
    }

    #[test]
    fn a_warning_says_what_is_to_come_and_the_end_how_to_go_on() {
        let plain = endpoint("https://x.example", "");
        let text = |told, days| of_endpoint(&plain, told, Moment::from_millis(0), days).body;
        assert!(text(Told::Warning, Some(5)).contains("5 days after the first failure"));
        assert!(text(Told::Warning, Some(1)).contains("a day after the first failure"));
        assert!(!text(Told::Warning, Some(5)).contains("redeliver"));
        assert!(
            text(Told::Gone, None).contains("410 Gone")
                && text(Told::Gone, None).contains("/deliveries/redeliver")
        );
        assert!(!text(Told::Failing, None).contains("Name:"));
    }
}
