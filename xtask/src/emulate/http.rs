//! As much HTTP as is needed to talk to the emulator and the engine: one POST a connection, on loopback.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::shell::Failure;

/// Longer than any function may run.
const PATIENCE: Duration = Duration::from_secs(90);

/// Posts a JSON document and reads the JSON that comes back.
pub(crate) fn post(
    to: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Result<Value, Failure> {
    let failed = || Failure::while_(format!("POST http://{to}{path}"));
    let mut stream = TcpStream::connect(to).map_err(failed())?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed())?;
    let body = body.to_string();
    let mut head = format!("POST {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    stream.write_all(head.as_bytes()).map_err(failed())?;
    stream.write_all(body.as_bytes()).map_err(failed())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(failed())?;
    let (status, body) = take_apart(&answer).ok_or_else(|| Failure::new(format!("{to}{path}: no HTTP")))?;
    let text = String::from_utf8_lossy(&body);
    if !(200..300).contains(&status) {
        return Err(Failure::new(format!("{to}{path}: {status}: {text}")));
    }
    serde_json::from_str(&text).map_err(Failure::while_(format!("{to}{path}: {text}")))
}

/// An address of this machine that nobody listens at.
pub(crate) fn free_address() -> Result<SocketAddr, Failure> {
    let failed = || Failure::while_("looking for a free port");
    TcpListener::bind(("127.0.0.1", 0)).map_err(failed())?.local_addr().map_err(failed())
}

/// The status and the body of a whole answer.
fn take_apart(answer: &[u8]) -> Option<(u16, Vec<u8>)> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let body = &answer[end + 4..];
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let in_chunks = head.lines().any(|line| line.eq_ignore_ascii_case("transfer-encoding: chunked"));
    Some((status, if in_chunks { join_chunks(body)? } else { body.to_vec() }))
}

fn join_chunks(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        let start = end + 2;
        whole.extend_from_slice(rest.get(start..start + size)?);
        rest = rest.get(start + size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_bodies_whole_and_in_chunks() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(take_apart(whole), Some((200, b"{}".to_vec())));
        let chunks =
            b"HTTP/1.1 502 Bad\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n";
        assert_eq!(take_apart(chunks), Some((502, br#"{"a":1}"#.to_vec())));
    }

    #[test]
    fn what_breaks_off_is_nothing() {
        assert_eq!(take_apart(b"HTTP/1.1 200 OK\r\n"), None);
        assert_eq!(take_apart(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nshort"), None);
    }
}
