use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncWriteExt;
use tokio::sync::{mpsc, oneshot};

use super::receiver::{Receiver, read_head};
use super::*;

/// Tells the method, the target, the headers and the body that it was sent.
fn echo() -> Receiver {
    Receiver::start(|stream| async move {
        let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let text = format!("{} {} {:?} {:?} {body:?}", head.method, head.uri, head.version, head.headers);
            let answer = hyper::Response::builder().status(202).header("x-answer", "yes");
            Ok::<_, Infallible>(answer.body(Full::new(Bytes::from(text))).unwrap())
        });
        let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
        let _ = server.serve_connection(TokioIo::new(stream), service).await;
    })
}

#[tokio::test]
async fn a_request_arrives_whole_and_its_answer_comes_back() {
    let receiver = echo();
    let mut request = get(&receiver.url());
    request.method = Method::POST;
    request.body = Bytes::from_static(b"{\"a\":1}");
    request.headers.insert("content-type", HeaderValue::from_static("application/json"));
    request.headers.insert("host", HeaderValue::from_static("elsewhere.test"));
    request.headers.insert("transfer-encoding", HeaderValue::from_static("chunked"));
    let response = local().send(request).await.unwrap();
    assert_eq!(response.status, 202);
    assert_eq!(response.headers["x-answer"], "yes");
    assert!(!response.truncated && response.elapsed > Duration::ZERO);
    let said = String::from_utf8(response.body.to_vec()).unwrap();
    assert!(said.starts_with("POST /hook HTTP/1.1"), "{said}");
    assert!(said.ends_with(r#"b"{\"a\":1}""#), "{said}");
    let port = receiver.address.port();
    for sent in [
        format!(r#""host": "127.0.0.1:{port}""#),
        r#""content-length": "7""#.into(),
        r#""content-type": "application/json""#.into(),
        r#""user-agent": "Nightjar/"#.into(),
    ] {
        assert!(said.contains(&sent), "{sent} is not in {said}");
    }
    for absent in ["accept-encoding", "cookie", "referer", "transfer-encoding", "elsewhere"] {
        assert!(!said.contains(absent), "{absent} is in {said}");
    }
}

#[tokio::test]
async fn an_empty_post_says_that_it_is_empty() {
    let receiver = echo();
    let request = Request { method: Method::POST, ..get(&receiver.url()) };
    let said = local().send(request).await.unwrap().body;
    assert!(String::from_utf8_lossy(&said).contains(r#""content-length": "0""#), "{said:?}");
}

#[tokio::test]
async fn a_connection_serves_more_than_one_request() {
    let (receiver, client) = (echo(), local());
    for _ in 0..3 {
        client.send(get(&receiver.url())).await.unwrap();
    }
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn the_operating_system_knows_localhost() {
    let receiver = echo();
    let client = client("127.0.0.0/8,::1", Arc::new(crate::SystemLookup));
    let url = format!("http://localhost:{}/", receiver.address.port());
    assert_eq!(client.send(get(&url)).await.unwrap().status, 202);
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let target = Receiver::saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let location = target.url();
    for code in ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect"] {
        let answer = format!("HTTP/1.1 {code}\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        let receiver = Receiver::start(move |mut stream| {
            let answer = answer.clone();
            async move {
                read_head(&mut stream).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        let response = local().send(get(&receiver.url())).await.unwrap();
        assert_eq!(response.status.as_u16().to_string(), code[..3]);
        assert_eq!(response.headers["location"], location);
    }
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn cookies_are_not_kept() {
    let (heads, mut seen) = mpsc::unbounded_channel();
    let receiver = Receiver::start(move |mut stream| {
        let heads = heads.clone();
        async move {
            heads.send(read_head(&mut stream).await).unwrap();
            let answer =
                b"HTTP/1.1 200 OK\r\nset-cookie: a=b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = stream.write_all(answer).await;
        }
    });
    let client = local();
    for _ in 0..2 {
        client.send(get(&receiver.url())).await.unwrap();
        assert!(!seen.recv().await.unwrap().to_lowercase().contains("cookie"));
    }
}

#[tokio::test]
async fn a_compressed_body_stays_as_it_is() {
    let receiver =
        Receiver::saying("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 8\r\n\r\nnot-gzip");
    let response = local().send(get(&receiver.url())).await.unwrap();
    assert_eq!(
        (&response.body[..], &response.headers["content-encoding"]),
        (&b"not-gzip"[..], &"gzip".parse().unwrap())
    );
}

#[tokio::test]
async fn a_body_of_just_the_cap_is_whole_and_one_byte_more_is_cut() {
    for (cap, body, truncated) in [(5, "hello", false), (4, "hell", true), (6, "hello", false), (0, "", true)]
    {
        let receiver = Receiver::saying("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
        let response = local().send(Request { cap, ..get(&receiver.url()) }).await.unwrap();
        assert_eq!((&response.body[..], response.truncated), (body.as_bytes(), truncated), "cap {cap}");
    }
}

#[tokio::test]
async fn a_long_body_is_left_where_it_is() {
    const LENGTH: usize = 10 * 1024 * 1024;
    for chunked in [false, true] {
        let (done, written) = oneshot::channel();
        let done = Mutex::new(Some(done));
        let receiver = Receiver::start(move |mut stream| {
            let done = done.lock().unwrap().take();
            async move {
                read_head(&mut stream).await;
                let head = match chunked {
                    true => format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{LENGTH:x}\r\n"),
                    false => format!("HTTP/1.1 200 OK\r\ncontent-length: {LENGTH}\r\n\r\n"),
                };
                stream.write_all(head.as_bytes()).await.unwrap();
                let count = AtomicUsize::new(0);
                while count.load(Ordering::SeqCst) < LENGTH && stream.write_all(&[b'x'; 4096]).await.is_ok() {
                    count.fetch_add(4096, Ordering::SeqCst);
                }
                done.unwrap().send(count.into_inner()).unwrap();
            }
        });
        // The client lives on: it is the connection alone that must end, or the server would hang here.
        let client = local();
        let response = client.send(get(&receiver.url())).await.unwrap();
        assert_eq!((response.body.len(), response.truncated), (4096, true));
        let written = tokio::time::timeout(Duration::from_secs(5), written).await.unwrap().unwrap();
        assert!(written < LENGTH / 5, "the server could write {written} bytes");
    }
}
