//! The check of a container's health, against the real server and against what is none.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::SocketAddr;

use clap::Parser;
use local::System;
use local::health::check;
use local::settings::CommandLine;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

async fn told(address: SocketAddr) -> Result<(), String> {
    check(address).await.map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_is_well_while_it_listens_to_whomever() {
    for host in ["127.0.0.1", "0.0.0.0"] {
        let line = ["nightjar-local", "--ephemeral", "--port", "0", "--host", host];
        let system = System::start(&CommandLine::parse_from(line).settings).await.unwrap();
        let here = SocketAddr::from(([127, 0, 0, 1], system.address().port()));
        assert_eq!(told(here).await, Ok(()), "{host}");
        system.drain().await;
        assert!(told(here).await.is_err(), "nobody is there any more");
    }
}

#[tokio::test]
async fn whoever_answers_anything_else_is_not_well() {
    let cases = [
        ("HTTP/1.1 503 Service Unavailable\r\n\r\n", "it answers \"HTTP/1.1 503 Service Unavailable\""),
        ("HTTP/1.1", "it answers \"HTTP/1.1\""),
        ("", "it answers \"\""),
    ];
    for (answer, reason) in cases {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            // Read first: to close with something unread would be a reset.
            let mut asked = [0; 1024];
            assert!(stream.read(&mut asked).await.unwrap() > 0);
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        assert_eq!(told(address).await, Err(reason.to_owned()));
        server.await.unwrap();
    }
}
