//! E-mail through SES: the tasks' way out, and that of failure notices.

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message};
use futures::FutureExt;
use futures::future::BoxFuture;
use tasks::{Address, Mail, MailFailure, Mailer};

/// Sends e-mail from one address, if it was told which.
#[derive(Clone)]
pub(crate) struct Ses {
    client: Client,
    from: Option<String>,
}

impl Ses {
    pub(crate) fn new(client: Client, from: Option<String>) -> Self {
        Self { client, from }
    }

    /// Sends the mail once, and says the id that it got.
    pub(crate) async fn send(&self, mail: Mail) -> Result<String, MailFailure> {
        let Some(from) = &self.from else {
            return Err(MailFailure::Final("e-mail is not set up here: MAIL_FROM is not set".to_owned()));
        };
        if mail.is_to_nobody() {
            return Err(MailFailure::Final("there is no address that mail servers take".to_owned()));
        }
        let destination = Destination::builder()
            .set_to_addresses(texts(&mail.to))
            .set_cc_addresses(texts(&mail.cc))
            .set_bcc_addresses(texts(&mail.bcc))
            .build();
        let sent = self
            .client
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

impl Mailer for Ses {
    fn send(&self, mail: Mail) -> BoxFuture<'_, Result<String, MailFailure>> {
        Self::send(self, mail).boxed()
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
    made().map_err(|error: aws_sdk_sesv2::error::BuildError| MailFailure::Final(error.to_string()))
}

/// What SES has said no to was not sent. A call that broke off may have been.
fn failure(error: SdkError<SendEmailError>) -> MailFailure {
    let told = match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("SES: {code}: {message}"),
        (Some(code), None) => format!("SES: {code}"),
        _ => format!("SES: {error}"),
    };
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
