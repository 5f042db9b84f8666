//! A message on its way in and out.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::fault::Fault;

/// An attribute that the sender gave a message.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Attribute {
    pub(crate) data_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) string_value: Option<String>,
    /// In base64, as it travels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) binary_value: Option<String>,
}

/// What few messages have, kept as one JSON text.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Extra {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) attributes: BTreeMap<String, Attribute>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<String>,
}

/// A message to send.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outgoing {
    pub(crate) body: String,
    /// In milliseconds; none for the queue's own delay.
    pub(crate) delay: Option<i64>,
    pub(crate) group: Option<String>,
    pub(crate) extra: Extra,
}

/// The receipt of a message sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) id: Uuid,
    pub(crate) body_md5: String,
    pub(crate) attributes_md5: Option<String>,
}

/// A message as a receiver gets it.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) id: Uuid,
    pub(crate) handle: String,
    pub(crate) body: String,
    pub(crate) count: i64,
    pub(crate) first_received: i64,
    pub(crate) sent: i64,
    pub(crate) group: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) extra: Extra,
}

/// What a receipt handle says: which message, and which of its receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handle {
    pub(crate) queue: i64,
    pub(crate) seq: i64,
    pub(crate) received: i64,
    pub(crate) id: Uuid,
}

impl Handle {
    pub(crate) fn write(self) -> String {
        format!("{:x}.{:x}.{:x}.{}", self.queue, self.seq, self.received, self.id.simple())
    }

    pub(crate) fn read(text: &str) -> Result<Self, Fault> {
        let mut parts = text.split('.');
        let mut number = || parts.next().and_then(|part| i64::from_str_radix(part, 16).ok());
        let (Some(queue), Some(seq), Some(received)) = (number(), number(), number()) else {
            return Err(Fault::BadHandle);
        };
        match (parts.next().and_then(|id| Uuid::try_parse(id).ok()), parts.next()) {
            (Some(id), None) => Ok(Self { queue, seq, received, id }),
            _ => Err(Fault::BadHandle),
        }
    }
}

impl Outgoing {
    /// The size that SQS counts: the body, and of each attribute its name, type and value.
    pub(crate) fn bytes(&self) -> usize {
        let attributes = self.extra.attributes.iter().map(|(name, attribute)| {
            let text = attribute.string_value.as_ref().map_or(0, String::len);
            let binary = attribute.binary_value.as_ref().map_or(0, |base64| base64.len() / 4 * 3);
            name.len() + attribute.data_type.len() + text + binary
        });
        self.body.len() + attributes.sum::<usize>()
    }

    pub(crate) fn check(&self, max_bytes: usize) -> Result<(), Fault> {
        if self.body.is_empty() {
            return Err(Fault::Missing("MessageBody"));
        }
        if self.bytes() > max_bytes {
            let reason = format!("Message must be shorter than {max_bytes} bytes.");
            return Err(Fault::Invalid(format!("One or more parameters are invalid. Reason: {reason}")));
        }
        if !self.body.chars().all(is_allowed) {
            return Err(Fault::Contents);
        }
        if let Some(delay) = self.delay.filter(|delay| !(0..=900_000).contains(delay)) {
            return Err(out_of_range("DelaySeconds", delay / 1000, "0 and 900"));
        }
        if self.extra.attributes.len() > 10 {
            return Err(Fault::Invalid(
                "Number of message attributes exceeds the allowed maximum of 10.".to_owned(),
            ));
        }
        if self.group.as_ref().is_some_and(|group| group.is_empty() || group.len() > 128) {
            return Err(Fault::Invalid("MessageGroupId can only be 1 to 128 characters long.".to_owned()));
        }
        self.extra.attributes.iter().try_for_each(|(name, attribute)| check_attribute(name, attribute))
    }
}

/// The refusal of a number out of its range, in SQS's words.
pub(crate) fn out_of_range(name: &str, value: i64, range: &str) -> Fault {
    Fault::Invalid(format!("Value {value} for parameter {name} is invalid. Reason: Must be between {range}."))
}

/// The digest of a body.
pub(crate) fn md5_of_text(text: &str) -> String {
    format!("{:x}", md5::compute(text))
}

/// The digest of attributes: sorted by name, each part behind its length.
pub(crate) fn md5_of_attributes(attributes: &BTreeMap<String, Attribute>) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut whole = Vec::new();
    for (name, attribute) in attributes {
        push(&mut whole, name.as_bytes());
        push(&mut whole, attribute.data_type.as_bytes());
        if let Some(base64) = &attribute.binary_value {
            whole.push(2);
            push(&mut whole, &BASE64.decode(base64).unwrap_or_default());
        } else {
            whole.push(1);
            push(&mut whole, attribute.string_value.as_deref().unwrap_or_default().as_bytes());
        }
    }
    Some(format!("{:x}", md5::compute(whole)))
}

fn push(whole: &mut Vec<u8>, part: &[u8]) {
    whole.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
    whole.extend(part);
}

fn check_attribute(name: &str, attribute: &Attribute) -> Result<(), Fault> {
    let base = attribute.data_type.split('.').next().unwrap_or_default();
    let has_value = match base {
        "String" | "Number" => attribute.string_value.as_ref().is_some_and(|text| !text.is_empty()),
        "Binary" => attribute.binary_value.as_ref().is_some_and(|base64| BASE64.decode(base64).is_ok()),
        _ => false,
    };
    if has_value && !name.is_empty() {
        return Ok(());
    }
    Err(Fault::Invalid(format!(
        "The message attribute '{name}' must contain a non-empty value of the type String, Number or Binary."
    )))
}

fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_reads_back_and_a_forged_one_does_not() {
        let handle = Handle { queue: 1, seq: 77, received: 3, id: Uuid::from_u128(5) };
        assert_eq!(Handle::read(&handle.write()).unwrap(), handle);
        for bad in ["", "1.2.3", "x.2.3.00000000000000000000000000000005", "1.2.3.4.5"] {
            assert!(matches!(Handle::read(bad), Err(Fault::BadHandle)), "{bad}");
        }
    }

    #[test]
    fn refuses_what_aws_refuses() {
        let with = |body: &str| Outgoing { body: body.to_owned(), ..Outgoing::default() };
        assert!(with("a\tb\u{1F600}").check(1024).is_ok());
        assert!(matches!(with("a\u{1}").check(1024), Err(Fault::Contents)));
        assert!(matches!(with("").check(1024), Err(Fault::Missing(_))));
        assert!(matches!(with(&"x".repeat(1025)).check(1024), Err(Fault::Invalid(_))));
        assert!(matches!(Outgoing { delay: Some(901_000), ..with("a") }.check(1024), Err(Fault::Invalid(_))));
    }

    #[test]
    fn digests_attributes_as_the_sdks_do() {
        let text = Attribute {
            data_type: "String".to_owned(),
            string_value: Some("value".to_owned()),
            binary_value: None,
        };
        let attributes = BTreeMap::from([("name".to_owned(), text)]);
        let expected = md5::compute(b"\0\0\0\x04name\0\0\0\x06String\x01\0\0\0\x05value");
        assert_eq!(md5_of_attributes(&attributes).unwrap(), format!("{expected:x}"));
        assert_eq!(md5_of_attributes(&BTreeMap::new()), None);
    }
}
