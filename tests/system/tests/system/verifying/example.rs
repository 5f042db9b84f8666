/// Whether a webhook with these headers and this body is genuine, and no older than five minutes.
fn is_genuine(secret: &str, headers: &http::HeaderMap, body: &[u8]) -> bool {
    standardwebhooks::Webhook::new(secret).is_ok_and(|webhook| webhook.verify(body, headers).is_ok())
}
