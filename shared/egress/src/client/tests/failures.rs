use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::receiver::{Receiver, read_head};
use super::*;
use FailureClass::{Connect, Dns, Protocol, RefusedAddress, Timeout};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

async fn fails(client: &Client, request: Request) -> Failure {
    client.send(request).await.expect_err("the call should fail")
}

fn assert_class(failure: &Failure, class: FailureClass, says: &str) {
    assert_eq!(failure.class, class, "{failure:?}");
    assert!(failure.detail.contains(says), "{failure:?}");
}

fn assert_in_time(failure: &Failure) {
    let (least, most) = (Duration::from_millis(295), Duration::from_millis(1500));
    assert!((least..most).contains(&failure.elapsed), "{failure:?}");
}

#[tokio::test]
async fn loopback_is_refused_and_the_refusal_names_the_setting() {
    let receiver = Receiver::saying(OK);
    let shut = client("", script(&[&["127.0.0.1"]]));
    for url in [receiver.url(), receiver.named("http"), receiver.named("https")] {
        let failure = fails(&shut, get(&url)).await;
        assert_class(&failure, RefusedAddress, "127.0.0.1 is a loopback address");
        assert_class(&failure, RefusedAddress, "EGRESS_ALLOW=127.0.0.1 would allow it");
    }
    assert_eq!(receiver.connections(), 0);
    assert_eq!(local().send(get(&receiver.url())).await.unwrap().status, 200);
    assert_eq!(local().send(get(&receiver.named("http"))).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_metadata_address_is_refused_in_every_spelling() {
    for host in ["169.254.169.254", "0xa9fea9fe", "[::ffff:169.254.169.254]", "metadata.test"] {
        let client = client("127.0.0.0/8", script(&[&["fd00:ec2::254", "169.254.169.254"]]));
        let failure = fails(&client, get(&format!("http://{host}/latest/meta-data/"))).await;
        assert_class(&failure, RefusedAddress, "cloud metadata");
        assert!(!failure.detail.contains("meta-data/"), "the URL is nobody else's: {failure:?}");
    }
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_checked_again() {
    let receiver = Receiver::saying(OK);
    let client = client("127.0.0.1", script(&[&["127.0.0.1"], &["10.0.0.1"]]));
    assert_eq!(client.send(get(&receiver.named("http"))).await.unwrap().status, 200);
    let failure = fails(&client, get(&receiver.named("http"))).await;
    assert_class(&failure, RefusedAddress, "10.0.0.1 is a private address");
}

#[tokio::test]
async fn of_several_addresses_only_the_open_ones_are_dialled() {
    let receiver = Receiver::saying(OK);
    let client = client("127.0.0.1", script(&[&["127.0.0.2", "10.0.0.1", "127.0.0.1"]]));
    assert_eq!(client.send(get(&receiver.named("http"))).await.unwrap().status, 200);
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn a_name_without_an_address() {
    let failure = fails(&client("", script(&[])), get("https://nowhere.test/?token=secret")).await;
    assert_class(&failure, Dns, "no such host is known");
    assert!(!failure.detail.contains("secret"));
    assert_class(&fails(&client("", script(&[&[]])), get("http://nowhere.test")).await, Dns, "no address");
}

#[tokio::test]
async fn a_lookup_that_hangs() {
    let failure = fails(&client("", Arc::new(Silence)), hasty("http://slow.test")).await;
    assert_class(&failure, Timeout, "no answer within 300ms");
    assert_in_time(&failure);
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for scheme in ["http", "https"] {
        let failure = fails(&local(), get(&format!("{scheme}://{address}"))).await;
        assert_class(&failure, Connect, "could not connect: Connection refused");
    }
}

#[tokio::test]
async fn a_server_that_never_answers() {
    let receiver = Receiver::hanging_after("");
    for scheme in ["http", "https"] {
        let failure = fails(&local(), hasty(&receiver.named(scheme))).await;
        assert_class(&failure, Timeout, "no answer within 300ms");
        assert_in_time(&failure);
    }
}

#[tokio::test]
async fn headers_that_drip_byte_by_byte() {
    for line in ["x-drip: drop\r\n", "HTTP/1.1 100 Continue\r\n\r\n"] {
        let receiver = Receiver::start(move |mut stream| async move {
            read_head(&mut stream).await;
            if line.starts_with('x') {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
            }
            let mut pace = tokio::time::interval(Duration::from_millis(5));
            for byte in line.bytes().cycle() {
                pace.tick().await;
                if stream.write_all(&[byte]).await.is_err() {
                    return;
                }
            }
        });
        let failure = fails(&local(), hasty(&receiver.url())).await;
        assert_class(&failure, Timeout, "no answer within 300ms");
        assert_in_time(&failure);
    }
}

#[tokio::test]
async fn headers_without_end_are_cut_off_long_before_the_timeout() {
    for (line, what) in [("x: y\r\n", "many small"), ("aaaaaaaaaaaaaaaa", "one long")] {
        let receiver = Receiver::start(move |mut stream| async move {
            read_head(&mut stream).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
            while stream.write_all(line.repeat(256).as_bytes()).await.is_ok() {}
        });
        let failure = fails(&local(), get(&receiver.url())).await;
        assert_eq!(failure.class, Protocol, "{what}: {failure:?}");
        assert!(failure.elapsed < Duration::from_secs(5), "{what}: {failure:?}");
    }
}

#[tokio::test]
async fn a_body_that_hangs() {
    let receiver = Receiver::hanging_after("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
    let failure = fails(&local(), hasty(&receiver.url())).await;
    assert_class(&failure, Timeout, "status 200, but the body took longer than 300ms");
    assert_in_time(&failure);
}

#[tokio::test]
async fn a_body_that_hangs_beyond_the_cap_does_no_harm() {
    let receiver = Receiver::hanging_after("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
    let response = local().send(Request { cap: 3, ..hasty(&receiver.url()) }).await.unwrap();
    assert_eq!((&response.body[..], response.truncated), (&b"hal"[..], true));
}

#[tokio::test]
async fn a_connection_that_breaks() {
    let reset = |answer: &'static str| {
        Receiver::start(move |mut stream| async move {
            read_head(&mut stream).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            stream.set_zero_linger().unwrap();
        })
    };
    for receiver in [
        reset(""),
        reset("HTTP/1.1 200 OK\r\n"),
        reset("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"),
        Receiver::saying(""),
        Receiver::saying("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"),
        Receiver::saying("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
    ] {
        let failure = fails(&local(), get(&receiver.url())).await;
        assert_class(&failure, Protocol, "no valid HTTP answer: ");
        assert_eq!(receiver.connections(), 1, "one attempt is one attempt");
    }
}

#[tokio::test]
async fn something_that_is_not_http() {
    for answer in
        ["SSH-2.0-OpenSSH_9.6\r\n", "<html>", "HTTP/1.1 banana\r\n\r\n", "\u{0}\u{1}\u{2}\u{3}\r\n\r\n"]
    {
        let failure = fails(&local(), get(&Receiver::saying(answer).url())).await;
        assert_class(&failure, Protocol, "no valid HTTP answer");
    }
}

#[tokio::test]
async fn what_may_not_be_sent() {
    for url in ["ftp://127.0.0.1/", "file:///etc/passwd", "data:,x", "unix:/run/docker.sock"] {
        assert_class(&fails(&local(), get(url)).await, Protocol, "only http and https");
    }
    for method in [Method::CONNECT, Method::TRACE] {
        let request = Request { method, ..get("http://127.0.0.1/") };
        assert_class(&fails(&local(), request).await, Protocol, "is not sent");
    }
}
