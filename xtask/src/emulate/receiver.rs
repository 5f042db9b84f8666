//! Somebody who receives a webhook.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::shell::Failure;

/// A server that answers 200 to the one request that it takes, and remembers it.
pub(super) struct Hook {
    address: SocketAddr,
    heard: Receiver<Request>,
}

/// What came.
#[derive(Debug, Default)]
pub(super) struct Request {
    headers: Vec<String>,
    pub(super) body: String,
}

impl Request {
    /// A header's value.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let pairs = self.headers.iter().filter_map(|line| line.split_once(':'));
        pairs.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

impl Hook {
    /// Listens.
    pub(super) fn listen() -> Result<Self, Failure> {
        let failed = || Failure::while_("listening for a webhook");
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(failed())?;
        let address = listener.local_addr().map_err(failed())?;
        let (tell, heard) = channel();
        std::thread::spawn(move || {
            if let Ok(request) = take_one(&listener) {
                // Nobody may be left to hear it.
                let _ = tell.send(request);
            }
        });
        Ok(Self { address, heard })
    }

    /// Where it listens.
    pub(super) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// The request, if one came.
    pub(super) fn heard(&self) -> Result<Request, Failure> {
        self.heard.recv_timeout(Duration::from_secs(5)).map_err(Failure::while_("no webhook came"))
    }
}

fn take_one(listener: &TcpListener) -> std::io::Result<Request> {
    let (mut stream, _) = listener.accept()?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut request = Request::default();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        request.headers.push(line.to_owned());
    }
    let length = request.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    reader.take(length).read_to_string(&mut request.body)?;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    Ok(request)
}
