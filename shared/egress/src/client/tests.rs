//! Calls to real servers on loopback. Names are looked up in a list, never in the network.

mod answers;
mod failures;
mod receiver;
mod tls;

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::Mutex;

use super::*;
use crate::Looking;

/// Answers each lookup with the next of its answers, and the last of them for ever.
struct Script(Mutex<VecDeque<Vec<IpAddr>>>);

impl Lookup for Script {
    fn lookup(&self, _: &str) -> Looking {
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        Box::pin(async move { answer.ok_or_else(|| io::Error::other("no such host is known")) })
    }
}

/// A lookup that never ends.
struct Silence;

impl Lookup for Silence {
    fn lookup(&self, _: &str) -> Looking {
        Box::pin(std::future::pending())
    }
}

fn script(answers: &[&[&str]]) -> Arc<dyn Lookup> {
    let parse = |answer: &&[&str]| answer.iter().map(|text| text.parse().unwrap()).collect();
    Arc::new(Script(Mutex::new(answers.iter().map(parse).collect())))
}

/// A client that may call loopback, and for which every name is 127.0.0.1.
fn local() -> Client {
    client("127.0.0.0/8", script(&[&["127.0.0.1"]]))
}

fn client(allow: &str, lookup: Arc<dyn Lookup>) -> Client {
    let allow = Allow::parse(allow).unwrap();
    // One root of its own, so that the tests also run where the system has no certificates.
    let made = rcgen::generate_simple_self_signed(["root.test".to_owned()]).unwrap();
    Client::new(Options { allow, lookup, extra_roots: vec![made.cert.pem().into()], ..Options::default() })
}

fn get(url: &str) -> Request {
    Request {
        method: Method::GET,
        url: url.parse().unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        timeout: Duration::from_secs(10),
        cap: 4096,
    }
}

/// The same with so short a timeout that a test may wait for it.
fn hasty(url: &str) -> Request {
    Request { timeout: Duration::from_millis(300), ..get(url) }
}
