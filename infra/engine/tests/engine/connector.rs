use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;

use crate::bed::Bed;

async fn call(
    bed: &Bed,
    method: &str,
    uri: &str,
    target: Option<&'static str>,
    body: &'static str,
) -> (u16, String) {
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_uri(uri).unwrap();
    request.set_method(method).unwrap();
    if let Some(target) = target {
        request.headers_mut().insert("x-amz-target", target);
    }
    let response = bed.engine.connector().call(request).await.unwrap();
    let body = String::from_utf8(response.body().bytes().unwrap().to_vec()).unwrap();
    (response.status().as_u16(), body)
}

#[tokio::test]
async fn what_is_not_here_is_said_to_be_not_here() {
    let bed = Bed::new();
    let host = "https://example.us-east-1.amazonaws.com/";
    assert_eq!(call(&bed, "POST", host, None, "{}").await.0, 501);
    assert_eq!(call(&bed, "POST", host, Some("AmazonSNS.Publish"), "{}").await.0, 501);
    for target in ["AmazonSQS.Dance", "DynamoDB_20120810.Dance", "secretsmanager.Dance"] {
        assert_eq!(
            call(&bed, "POST", host, Some(target), r#"{"QueueUrl":"https://x/q"}"#).await.0,
            400,
            "{target}"
        );
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused() {
    let bed = Bed::new();
    for target in ["AmazonSQS.SendMessage", "DynamoDB_20120810.PutItem", "secretsmanager.CreateSecret"] {
        let (status, body) = call(&bed, "POST", "https://localhost/", Some(target), "{nonsense").await;
        assert_eq!(status, 400, "{target}: {body}");
        assert!(body.contains("__type"), "{body}");
    }
}
