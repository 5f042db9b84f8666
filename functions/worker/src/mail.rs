//! E-mail through SES: the tasks' way out, where recipients are counted, and that of failure notices.

use std::time::Duration;

use aws_sdk_sesv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message};
use boot::Ambient;
use boot::clients::Clients;
use domain::id::UserId;
use futures::FutureExt;
use futures::future::BoxFuture;
use tasks::{Address, Mail, MailFailure, Mailer, Why};

use crate::quota::{Quota, Take};

/// The window in which the recipients of `email` tasks are counted.
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// Sends e-mail from one address, if it was told which.
#[derive(Clone)]
pub(crate) struct Ses {
    /// Asked for the one of SES when there is mail: few starts of a worker send any.
    clients: Clients,
    from: Option<String>,
}

impl Ses {
    pub(crate) fn new(clients: Clients, from: Option<String>) -> Self {
        Self { clients, from }
    }

    /// Says who the mail is from, if it could be sent at all.
    fn sender(&self, mail: &Mail) -> Result<&str, MailFailure> {
        let refused = |why: &str| MailFailure::Final(Why::plain(why));
        let from = self.from.as_deref();
        let from = from.ok_or_else(|| refused("e-mail is not set up here: MAIL_FROM is not set"))?;
        if mail.recipients() == 0 {
            return Err(refused("there is no address that mail servers take"));
        }
        Ok(from)
    }

    /// Sends the mail once, and says the id that it got.
    pub(crate) async fn send(&self, mail: Mail) -> Result<String, MailFailure> {
        let from = self.sender(&mail)?;
        let destination = Destination::builder()
            .set_to_addresses(texts(&mail.to))
            .set_cc_addresses(texts(&mail.cc))
            .set_bcc_addresses(texts(&mail.bcc))
            .build();
        let sent = self
            .clients
            .ses()
            .send_email()
            .from_email_address(from)
            .destination(destination)
            .set_reply_to_addresses(texts(&mail.reply_to))
            .content(EmailContent::builder().simple(message(mail)?).build())
            .send()
            .await;
        match sent {
            Ok(taken) => Ok(taken.message_id.unwrap_or_default()),
            Err(error) => Err(failure(error)),
        }
    }
}

/// The way out of the tasks: each user has so many recipients a day.
pub(crate) struct Counted {
    ses: Ses,
    quota: Quota,
    ambient: Ambient,
}

impl Counted {
    pub(crate) fn new(ses: Ses, quota: Quota, ambient: Ambient) -> Self {
        Self { ses, quota, ambient }
    }

    /// The recipients count before the mail is sent, so that however many are sent at once, no more than the
    /// limit go out. What was certainly not sent does not count: the next attempt counts again. What may have
    /// been sent counts, and its next attempt counts too, for the mail may arrive twice.
    async fn send(&self, user: UserId, mail: Mail) -> Result<String, MailFailure> {
        self.ses.sender(&mail)?;
        let many = u64::try_from(mail.recipients()).unwrap_or(u64::MAX);
        let taken = match self.quota.take(user, many, self.ambient.now()).await {
            Ok(Take::Taken(taken)) => taken,
            Ok(Take::Refused { max, until }) => {
                return Err(MailFailure::Final(Why::plain(format!(
                    "MAIL_RATE_MAX allows e-mail to {max} recipients a day, and this one's {many} would be too \
                     many; the next day begins at {until}"
                ))));
            }
            Err(error) => {
                let text = format!("the recipients could not be counted: {error}");
                return Err(MailFailure::Again(Why { code: "not counted".to_owned(), text }));
            }
        };
        let sent = self.ses.send(mail).await;
        if let Err(MailFailure::Again(_) | MailFailure::Final(_)) = &sent {
            taken.give_back().await;
        }
        sent
    }
}

impl Mailer for Counted {
    fn send(&self, user: UserId, mail: Mail) -> BoxFuture<'_, Result<String, MailFailure>> {
        Self::send(self, user, mail).boxed()
    }
}

fn texts(addresses: &[Address]) -> Option<Vec<String>> {
    let texts: Vec<String> = addresses.iter().map(Address::to_string).collect();
    (!texts.is_empty()).then_some(texts)
}

fn message(mail: Mail) -> Result<Message, MailFailure> {
    let utf8 = |text: String| Content::builder().data(text).charset("UTF-8").build();
    let body = |text: Option<String>| text.map(utf8).transpose();
    let made = || {
        let body = Body::builder().set_text(body(mail.text)?).set_html(body(mail.html)?).build();
        Ok(Message::builder().subject(utf8(mail.subject)?).body(body).build())
    };
    made()
        .map_err(|error: aws_sdk_sesv2::error::BuildError| MailFailure::Final(Why::plain(error.to_string())))
}

/// What SES has said no to was not sent. A call that broke off may have been.
fn failure(error: SdkError<SendEmailError>) -> MailFailure {
    let code = error.code().map_or_else(|| error.to_string(), str::to_owned);
    let text =
        error.message().map_or_else(|| format!("SES: {code}"), |words| format!("SES: {code}: {words}"));
    let told = Why { code, text };
    match error {
        SdkError::ConstructionFailure(_) => MailFailure::Final(told),
        SdkError::DispatchFailure(broken) if !broken.is_io() && !broken.is_timeout() => {
            MailFailure::Again(told)
        }
        SdkError::ServiceError(refused) => match refused.err() {
            SendEmailError::AccountSuspendedException(_)
            | SendEmailError::BadRequestException(_)
            | SendEmailError::MailFromDomainNotVerifiedException(_)
            | SendEmailError::MessageRejected(_) => MailFailure::Final(told),
            _ => MailFailure::Again(told),
        },
        _ => MailFailure::Unknown(told),
    }
}
