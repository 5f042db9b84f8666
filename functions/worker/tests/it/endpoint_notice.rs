//! The e-mail that tells an owner what has become of an endpoint.

use std::time::Duration;

use domain::endpoint::{Endpoint, Told};
use domain::health::{Showing, Subject};
use domain::job::Priority;
use domain::message::JobMessage;
use domain::time::Moment;
use engine::SentMail;
use testkit::{Fault, When};

use crate::shop::Shop;

const MAIL: [(&str, &str); 2] = [("MAIL_FROM", "nightjar@example.com"), ("WEBHOOK_DISABLE_DAYS", "7")];

struct Case {
    shop: Shop,
    endpoint: Endpoint,
    since: Moment,
}

impl Case {
    /// An endpoint that fails from now on.
    async fn with(variables: &[(&str, &str)]) -> Self {
        let mut shop = Shop::with(variables).await;
        shop.settle_in("ann").await;
        let (endpoint, since) = (shop.endpoint(&["*"]).await, shop.now());
        let subject = Subject::endpoint(endpoint.id);
        shop.store.note_showing(&subject, Showing { latency: 0, taken: false }, since).await.unwrap();
        Self { shop, endpoint, since }
    }

    async fn new() -> Self {
        Self::with(&MAIL).await
    }

    fn subject(&self) -> Subject {
        Subject::endpoint(self.endpoint.id)
    }

    /// The record shows it.
    async fn show(&self, told: Told) -> Moment {
        let (subject, now) = (self.subject(), self.shop.now());
        match told {
            Told::Warning => {
                assert!(self.shop.store.note_warned(&subject, self.since, now).await.unwrap());
                self.since
            }
            told => {
                assert!(self.shop.store.switch_off(&subject, told, None, now).await.unwrap());
                now
            }
        }
    }

    async fn send(&self, told: Told, at: Moment) {
        let (user_id, endpoint_id) = (self.endpoint.user_id, self.endpoint.id);
        let message = JobMessage::EndpointNotice { user_id, endpoint_id, told, at, round: 0, rescued: 0 };
        self.shop.queues.send(Priority::Low, user_id, &message, Duration::ZERO).await.unwrap();
    }

    fn mails(&self) -> Vec<SentMail> {
        self.shop.bed.engine.sent_mail()
    }

    /// Until nothing comes any more.
    async fn settle(&self) {
        for _ in 0..12 {
            self.shop.step().await;
            self.shop.pass(360);
        }
        assert_eq!(self.shop.depth(), (0, 0, 0));
    }
}

#[tokio::test]
async fn the_owner_is_told_before_and_after() {
    for (told, parts) in [
        (Told::Warning, ["is switched off", "7 days"]),
        (Told::Failing, ["was switched off", "had failed"]),
        (Told::Gone, ["switched off", "410 Gone"]),
    ] {
        let case = Case::new().await;
        let at = case.show(told).await;
        case.send(told, at).await;
        assert_eq!(case.shop.step().await, (1, 0));
        let mails = case.mails();
        let [mail] = &mails[..] else { panic!("{told}: {mails:?}") };
        let text = format!("{}\n{}", mail.subject, mail.text.as_deref().unwrap());
        assert_eq!(mail.to, ["ann@example.com"]);
        for part in parts.iter().copied().chain(["example.com", &case.endpoint.id.to_string()]) {
            assert!(text.contains(part), "{told}: {part} is not in {text}");
        }
    }
}

#[tokio::test]
async fn what_comes_twice_is_told_once_and_the_same_again_later_is_told_again() {
    let case = Case::new().await;
    let at = case.show(Told::Gone).await;
    case.send(Told::Gone, at).await;
    case.send(Told::Gone, at).await;
    assert_eq!(case.shop.step().await, (2, 0));
    assert_eq!(case.mails().len(), 1);
    case.shop.store.switch_on(&case.subject()).await.unwrap();
    case.shop.pass(1);
    let again = case.show(Told::Gone).await;
    case.send(Told::Gone, again).await;
    assert_eq!(case.shop.step().await, (1, 0));
    assert_eq!(case.mails().len(), 2);
}

#[tokio::test]
async fn what_the_record_does_not_show_is_waited_for_and_then_dropped() {
    for told in [Told::Warning, Told::Failing] {
        let case = Case::new().await;
        let at = if told == Told::Warning { case.since } else { case.shop.now() };
        case.send(told, at).await;
        assert_eq!(case.shop.step().await, (0, 1));
        let shown = case.show(told).await;
        case.settle().await;
        assert_eq!((case.mails().len(), shown), (1, at), "{told}");

        let never = Case::new().await;
        never.send(told, if told == Told::Warning { never.since } else { never.shop.now() }).await;
        never.settle().await;
        assert!(never.mails().is_empty(), "{told}");
    }
}

#[tokio::test]
async fn what_is_over_is_not_told() {
    // It works again.
    let case = Case::new().await;
    let at = case.show(Told::Warning).await;
    let well = Showing { latency: 0, taken: true };
    case.shop.store.note_showing(&case.subject(), well, case.shop.now()).await.unwrap();
    case.send(Told::Warning, at).await;
    case.settle().await;
    assert!(case.mails().is_empty());
    // It was deleted.
    let case = Case::new().await;
    let at = case.show(Told::Gone).await;
    case.shop.store.delete_endpoint(case.endpoint.user_id, case.endpoint.id).await.unwrap();
    case.send(Told::Gone, at).await;
    case.settle().await;
    assert!(case.mails().is_empty());
    // Its owner was.
    let case = Case::new().await;
    let at = case.show(Told::Gone).await;
    case.shop.delete_account().await;
    case.send(Told::Gone, at).await;
    case.settle().await;
    assert!(case.mails().is_empty());
    // No mail is sent at all.
    let case = Case::with(&[]).await;
    let at = case.show(Told::Gone).await;
    case.send(Told::Gone, at).await;
    assert_eq!(case.shop.step().await, (1, 0));
    assert!(case.mails().is_empty());
}

#[tokio::test]
async fn what_ses_did_not_take_is_sent_again_and_what_it_may_have_taken_is_not() {
    for (fault, mails) in [(Fault::Throttled, 1), (Fault::AnswerLost, 1), (Fault::DiesBefore, 0)] {
        let case = Case::new().await;
        let at = case.show(Told::Failing).await;
        case.send(Told::Failing, at).await;
        case.shop.bed.faults.plan(When::Nth(0), fault, Some("SendEmail"));
        let _ = tokio::time::timeout(Duration::from_secs(2), case.shop.step()).await;
        assert_eq!(case.shop.bed.faults.strikes(), 1, "{fault:?}");
        case.shop.bed.faults.clear();
        case.settle().await;
        assert_eq!(case.mails().len(), mails, "{fault:?}");
    }
}

#[tokio::test]
async fn a_table_out_of_reach_loses_no_notice() {
    for operation in ["GetItem", "PutItem", "UpdateItem"] {
        let case = Case::new().await;
        let at = case.show(Told::Gone).await;
        case.send(Told::Gone, at).await;
        case.shop.bed.faults.plan(When::Nth(0), Fault::Unreached, Some(operation));
        case.shop.step().await;
        assert_eq!(case.shop.bed.faults.strikes(), 1, "{operation}");
        case.shop.bed.faults.clear();
        case.settle().await;
        assert_eq!(case.mails().len(), 1, "{operation}");
    }
}

#[tokio::test]
async fn notices_of_endpoints_count_with_the_others() {
    let case = Case::with(&[MAIL[0], ("NOTICE_RATE_MAX", "1")]).await;
    let at = case.show(Told::Warning).await;
    case.send(Told::Warning, at).await;
    case.shop.step().await;
    let off = case.show(Told::Failing).await;
    case.send(Told::Failing, off).await;
    assert_eq!(case.shop.step().await, (1, 0));
    assert_eq!(case.mails().len(), 1);
}
