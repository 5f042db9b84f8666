//! What a queue is told to do: its attributes, read once and kept as numbers.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::fault::Fault;

/// A message and its attributes may not be larger, whatever the queue says.
pub(crate) const MAX_BYTES: usize = 1024 * 1024;
const MAX_REDRIVE_COUNT: i64 = 1000;

/// Attributes with a number: name, default, least, most.
const NUMBERS: [(&str, i64, i64, i64); 5] = [
    ("VisibilityTimeout", 30, 0, 43_200),
    ("DelaySeconds", 0, 0, 900),
    ("MessageRetentionPeriod", 345_600, 60, 1_209_600),
    ("ReceiveMessageWaitTimeSeconds", 0, 0, 20),
    ("MaximumMessageSize", MAX_BYTES as i64, 1024, MAX_BYTES as i64),
];
/// Attributes that are kept and shown and change nothing here.
const KEPT: [&str; 5] = [
    "Policy",
    "RedriveAllowPolicy",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "SqsManagedSseEnabled",
];

/// The attributes as the queue obeys them; times in milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) visibility: i64,
    pub(crate) delay: i64,
    pub(crate) retention: i64,
    pub(crate) wait_seconds: u64,
    pub(crate) max_bytes: usize,
    pub(crate) redrive: Option<Redrive>,
}

/// Where messages go that were received too often.
#[derive(Clone, Debug)]
pub(crate) struct Redrive {
    pub(crate) target: String,
    pub(crate) max_receive_count: i64,
}

impl Settings {
    /// Checks the attributes and reads them.
    pub(crate) fn read(attributes: &BTreeMap<String, String>) -> Result<Self, Fault> {
        if let Some(name) = attributes.keys().find(|name| !is_known(name)) {
            return Err(Fault::AttributeName(name.clone()));
        }
        let number = |index: usize| {
            let (name, default, least, most) = NUMBERS[index];
            match attributes.get(name) {
                None => Ok(default),
                Some(text) => match text.parse::<i64>() {
                    Ok(value) if (least..=most).contains(&value) => Ok(value),
                    _ => Err(Fault::AttributeValue(name.to_owned())),
                },
            }
        };
        Ok(Self {
            visibility: number(0)? * 1000,
            delay: number(1)? * 1000,
            retention: number(2)? * 1000,
            wait_seconds: number(3)?.unsigned_abs(),
            max_bytes: usize::try_from(number(4)?).unwrap_or(MAX_BYTES),
            redrive: read_redrive(attributes.get("RedrivePolicy"))?,
        })
    }
}

/// All number attributes, set or not, as `GetQueueAttributes` shows them.
pub(crate) fn shown(attributes: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> =
        NUMBERS.iter().map(|(name, default, ..)| ((*name).to_owned(), default.to_string())).collect();
    all.insert("SqsManagedSseEnabled".to_owned(), "true".to_owned());
    all.extend(attributes.clone());
    all
}

fn is_known(name: &str) -> bool {
    name == "RedrivePolicy" || KEPT.contains(&name) || NUMBERS.iter().any(|(known, ..)| *known == name)
}

fn read_redrive(policy: Option<&String>) -> Result<Option<Redrive>, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Policy {
        dead_letter_target_arn: String,
        max_receive_count: Number,
    }
    // CloudFormation writes a number, many people write a text.
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Plain(i64),
        Quoted(String),
    }

    let Some(text) = policy.filter(|text| !text.is_empty()) else { return Ok(None) };
    let invalid = || Fault::AttributeValue("RedrivePolicy".to_owned());
    let policy: Policy = serde_json::from_str(text).map_err(|_| invalid())?;
    let max_receive_count = match policy.max_receive_count {
        Number::Plain(count) => count,
        Number::Quoted(text) => text.parse().map_err(|_| invalid())?,
    };
    if !(1..=MAX_REDRIVE_COUNT).contains(&max_receive_count) {
        return Err(invalid());
    }
    let target = name_of_arn(&policy.dead_letter_target_arn).ok_or_else(invalid)?;
    Ok(Some(Redrive { target: target.to_owned(), max_receive_count }))
}

/// The queue's name in its ARN.
pub(crate) fn name_of_arn(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let is_sqs = parts.next() == Some("arn") && parts.nth(1) == Some("sqs");
    parts.nth(2).filter(|name| is_sqs && !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str) -> Result<Settings, Fault> {
        Settings::read(&BTreeMap::from([(name.to_owned(), value.to_owned())]))
    }

    #[test]
    fn reads_a_redrive_policy_with_a_number_or_a_text() {
        for count in ["3", "\"3\""] {
            let policy = format!(
                r#"{{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:1:dead","maxReceiveCount":{count}}}"#
            );
            let redrive = read("RedrivePolicy", &policy).unwrap().redrive.unwrap();
            assert_eq!((redrive.target.as_str(), redrive.max_receive_count), ("dead", 3));
        }
    }

    #[test]
    fn refuses_what_aws_refuses() {
        assert!(matches!(read("DelaySeconds", "901"), Err(Fault::AttributeValue(_))));
        assert!(matches!(read("Delay", "1"), Err(Fault::AttributeName(_))));
        assert!(matches!(read("RedrivePolicy", "{}"), Err(Fault::AttributeValue(_))));
        assert!(matches!(read("MaximumMessageSize", "1048577"), Err(Fault::AttributeValue(_))));
    }

    #[test]
    fn a_name_needs_a_whole_arn() {
        assert_eq!(name_of_arn("arn:aws:sqs:us-east-1:1:dead"), Some("dead"));
        for bad in
            ["dead", "arn:aws:sns:us-east-1:1:dead", "arn:aws:sqs:us-east-1:1", "arn:aws:sqs:us-east-1:1:"]
        {
            assert_eq!(name_of_arn(bad), None, "{bad}");
        }
    }
}
