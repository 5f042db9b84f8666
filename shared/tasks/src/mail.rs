//! The way out by e-mail: addresses, a mail, and who sends it.

use std::fmt;

use domain::id::UserId;
use domain::user::Email;
use futures::future::BoxFuture;
use url::Host;

use crate::Failure;

/// Sends e-mail.
pub trait Mailer: Send + Sync {
    /// Sends the mail of that user once, and says the id that it got.
    fn send(&self, user: UserId, mail: Mail) -> BoxFuture<'_, Result<String, MailFailure>>;
}

/// Why a mail has no id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailFailure {
    /// It was not taken, and may be the next time.
    Again(Why),
    /// The answer was lost: it may have been taken. To send it again may send it twice.
    Unknown(Why),
    /// It was not taken, and will not be.
    Final(Why),
}

/// What is told of a mail that has no id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// For logs: a word of the mail service's or of ours, and never what stands in the mail.
    pub code: String,
    /// For the job's record. The mail service's own words may name an address.
    pub text: String,
}

impl MailFailure {
    /// What a log may say of it.
    pub fn code(&self) -> &str {
        match self {
            Self::Again(why) | Self::Unknown(why) | Self::Final(why) => &why.code,
        }
    }
}

impl Why {
    /// What is told to all.
    pub fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { code: text.clone(), text }
    }
}

impl From<MailFailure> for Failure {
    /// To a task a mail that may have gone out is one that did not: twice is better than not at all.
    fn from(failure: MailFailure) -> Self {
        match failure {
            MailFailure::Again(why) | MailFailure::Unknown(why) => Self::Again(why.text),
            MailFailure::Final(why) => Self::Final(why.text),
        }
    }
}

/// An e-mail. Who it comes from is the mailer's business.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// To whom.
    pub to: Vec<Address>,
    /// To whom else, for all to see.
    pub cc: Vec<Address>,
    /// To whom else, for nobody to see.
    pub bcc: Vec<Address>,
    /// Where answers go, if not to the sender.
    pub reply_to: Vec<Address>,
    /// The subject: one line.
    pub subject: String,
    /// The body as plain text.
    pub text: Option<String>,
    /// The body as HTML.
    pub html: Option<String>,
}

impl Mail {
    /// A mail to one, in plain text. Where the address is none that mail servers take, it is to nobody, and
    /// the mailer refuses it.
    pub fn plain(to: &str, subject: impl Into<String>, text: impl Into<String>) -> Self {
        let to = Address::parse(to).into_iter().collect();
        Self { to, subject: subject.into(), text: Some(text.into()), ..Self::default() }
    }

    /// To how many it is.
    pub fn recipients(&self) -> usize {
        self.to.len() + self.cc.len() + self.bcc.len()
    }
}

/// An address that mail can be sent to, as mail servers write it: ASCII, a foreign host name in Punycode.
/// It holds no white space, no brackets and no commas, so that it cannot become two addresses or a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(String);

/// The text is no such address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAddress {
    /// It does not look like one.
    #[error("must be an e-mail address such as ada@example.com, without a name and without other addresses")]
    Form,
    /// The part before the `@` has letters that mail servers do not take.
    #[error("must have ASCII letters only before the @")]
    Local,
}

impl Address {
    /// Takes an address as it stood in a payload or was registered.
    pub fn parse(text: &str) -> Result<Self, NotAnAddress> {
        let email = Email::parse(text).map_err(|_| NotAnAddress::Form)?;
        let (local, host) = email.as_str().split_once('@').ok_or(NotAnAddress::Form)?;
        if !local.is_ascii() {
            return Err(NotAnAddress::Local);
        }
        match Host::parse(host) {
            Ok(Host::Domain(host)) => Ok(Self(format!("{local}@{host}"))),
            Ok(_) | Err(_) => Err(NotAnAddress::Form),
        }
    }

    /// As mail servers write it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_address_in_ascii() {
        let parsed = |text: &str| Address::parse(text).map(|address| address.to_string());
        assert_eq!(parsed(" Ada.L+x@Example.com ").as_deref(), Ok("Ada.L+x@example.com"));
        assert_eq!(parsed("ada@exämple.de").as_deref(), Ok("ada@xn--exmple-cua.de"));
        assert_eq!(parsed("ü@example.com"), Err(NotAnAddress::Local));
        for bad in [
            "",
            "ada",
            "ada@",
            "@example.com",
            "a@b@c",
            "ada@example.com, eve@example.com",
            "ada@example.com;eve@example.com",
            "Ada <ada@example.com>",
            "ada@example.com\r\nBcc: eve@example.com",
            "ada@exam\nple.com",
            "\"ada eve\"@example.com",
            "ada@127.0.0.1",
            "ada@[127.0.0.1]",
            "ada@exa%6Dple.com",
        ] {
            assert_eq!(parsed(bad), Err(NotAnAddress::Form), "{bad:?}");
        }
    }

    #[test]
    fn a_plain_mail_has_one_recipient_and_a_text_or_is_to_nobody() {
        let mail = Mail::plain("ada@example.com", "s", "t");
        assert_eq!((mail.to[0].as_str(), mail.recipients()), ("ada@example.com", 1));
        assert_eq!((mail.subject.as_str(), mail.text.as_deref(), &mail.html), ("s", Some("t"), &None));
        assert_eq!(Mail::plain("ü@example.com", "s", "t").recipients(), 0);
        let others = [&mail.to[..], &mail.to[..]].concat();
        assert_eq!(Mail { cc: mail.to.clone(), bcc: others, ..mail }.recipients(), 4);
    }

    #[test]
    fn a_task_sends_again_what_may_not_have_gone_out() {
        let why = || Why { code: "Code".to_owned(), text: "SES: Code: why".to_owned() };
        let told = || why().text;
        assert_eq!(Failure::from(MailFailure::Unknown(why())), Failure::Again(told()));
        assert_eq!(Failure::from(MailFailure::Again(why())), Failure::Again(told()));
        assert_eq!(Failure::from(MailFailure::Final(why())), Failure::Final(told()));
        assert_eq!(MailFailure::Unknown(why()).code(), "Code");
    }
}
