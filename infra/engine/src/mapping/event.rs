//! The event that a function gets, as Lambda writes it.

use std::collections::HashMap;

use aws_lambda_events::encodings::Base64Data;
use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage, SqsMessageAttribute};
use aws_sdk_sqs::types::{Message, MessageAttributeValue};

use crate::sqs::wire::{REGION, arn_of};

/// One record a message.
pub(super) fn of(queue_url: &str, messages: &[Message]) -> SqsEvent {
    let arn = arn_of(queue_url.rsplit('/').next().unwrap_or_default());
    let mut event = SqsEvent::default();
    event.records = messages.iter().map(|message| record(message, &arn)).collect();
    event
}

fn record(message: &Message, arn: &str) -> SqsMessage {
    let mut record = SqsMessage::default();
    record.message_id = message.message_id.clone();
    record.receipt_handle = message.receipt_handle.clone();
    record.body = message.body.clone();
    record.md5_of_body = message.md5_of_body.clone();
    record.md5_of_message_attributes = message.md5_of_message_attributes.clone();
    record.event_source = Some("aws:sqs".to_owned());
    record.event_source_arn = Some(arn.to_owned());
    record.aws_region = Some(REGION.to_owned());
    if let Some(attributes) = message.attributes() {
        let texts = attributes.iter().map(|(name, value)| (name.as_str().to_owned(), value.clone()));
        record.attributes = texts.collect();
    }
    if let Some(attributes) = message.message_attributes() {
        let converted = attributes.iter().map(|(name, value)| (name.clone(), attribute(value)));
        record.message_attributes = converted.collect::<HashMap<_, _>>();
    }
    record
}

fn attribute(value: &MessageAttributeValue) -> SqsMessageAttribute {
    let mut attribute = SqsMessageAttribute::default();
    attribute.data_type = Some(value.data_type.clone());
    attribute.string_value = value.string_value.clone();
    attribute.binary_value = value.binary_value.as_ref().map(|blob| {
        let mut data = Base64Data::default();
        data.0 = blob.as_ref().to_vec();
        data
    });
    attribute
}
