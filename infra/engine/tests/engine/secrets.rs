use aws_sdk_secretsmanager as secretsmanager;

use crate::bed::Bed;

#[tokio::test]
async fn a_secret_is_created_once_read_and_changed() {
    let bed = Bed::new();
    let client = secretsmanager::Client::new(&bed.engine.sdk_config());
    let missing = client.get_secret_value().secret_id("jwt").send().await.unwrap_err().into_service_error();
    assert!(missing.is_resource_not_found_exception());
    assert!(bed.engine.set_secret_if_absent("jwt", "one").await.unwrap());
    assert!(!bed.engine.set_secret_if_absent("jwt", "two").await.unwrap());
    let read = client.get_secret_value().secret_id("jwt").send().await.unwrap();
    assert_eq!(read.secret_string(), Some("one"));

    client.put_secret_value().secret_id("jwt").secret_string("three").send().await.unwrap();
    let read = client.get_secret_value().secret_id("jwt").send().await.unwrap();
    assert_eq!(read.secret_string(), Some("three"));
    let previous = client.get_secret_value().secret_id("jwt").version_stage("AWSPREVIOUS");
    assert_eq!(previous.send().await.unwrap().secret_string(), Some("one"));
}
