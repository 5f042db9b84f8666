use std::convert::Infallible;

use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use super::receiver::Receiver;
use super::*;

/// A server with a certificate of its own making for `receiver.test`, and that certificate.
fn secure(protocols: &[&str]) -> (Receiver, Bytes) {
    let made = rcgen::generate_simple_self_signed(["receiver.test".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let receiver = Receiver::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| async move {
                let version = Bytes::from(format!("{:?}", request.version()));
                Ok::<_, Infallible>(hyper::Response::new(Full::new(version)))
            });
            let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        }
    });
    (receiver, made.cert.pem().into())
}

fn trusting(pem: Bytes) -> Client {
    let allow = Allow::parse("127.0.0.0/8").unwrap();
    let lookup = script(&[&["127.0.0.1"]]);
    Client::new(Options { allow, lookup, extra_roots: vec![pem], ..Options::default() })
}

#[tokio::test]
async fn http_2_or_1_as_the_server_prefers() {
    for (protocols, version) in
        [(&["h2", "http/1.1"][..], "HTTP/2.0"), (&["http/1.1"], "HTTP/1.1"), (&[], "HTTP/1.1")]
    {
        let (receiver, pem) = secure(protocols);
        let response = trusting(pem).send(get(&receiver.named("https"))).await.unwrap();
        assert_eq!(response.body, version);
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for() {
    let (receiver, _) = secure(&[]);
    let failure = local().send(get(&receiver.named("https"))).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Tls, "{failure:?}");
    assert!(failure.detail.contains("certificate"), "{failure:?}");
}

#[tokio::test]
async fn a_certificate_of_another_name() {
    let (receiver, pem) = secure(&[]);
    let url = format!("https://other.test:{}/", receiver.address.port());
    let failure = trusting(pem).send(get(&url)).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Tls, "{failure:?}");
    assert!(failure.detail.contains("other.test"), "{failure:?}");
}

#[tokio::test]
async fn a_server_that_speaks_no_tls() {
    for answer in ["HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n", ""] {
        let receiver = Receiver::start(move |mut stream| async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        });
        let failure = local().send(get(&receiver.named("https"))).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::Tls, "{failure:?}");
        assert!(failure.detail.starts_with("TLS failed: "), "{failure:?}");
    }
}

#[tokio::test]
async fn a_bad_root_certificate_fails_https_alone() {
    let client =
        trusting(Bytes::from_static(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
    let failure = client.send(get("https://receiver.test/")).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Tls, "{failure:?}");
    assert!(failure.detail.starts_with("the HTTP client could not be made: "), "{failure:?}");
    let receiver = Receiver::saying("HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(client.send(get(&receiver.url())).await.unwrap().status, 204);
}

#[tokio::test]
async fn the_certificate_store_is_read_at_the_first_https_call_and_not_before() {
    let client = local();
    assert!(client.inner.plain.get().is_none() && client.inner.secure.get().is_none());
    let receiver = Receiver::saying("HTTP/1.1 204 No Content\r\n\r\n");
    client.send(get(&receiver.url())).await.unwrap();
    assert!(client.inner.plain.get().is_some() && client.inner.secure.get().is_none());
    let _ = client.send(hasty(&receiver.named("https"))).await;
    assert!(client.inner.secure.get().is_some());
}
