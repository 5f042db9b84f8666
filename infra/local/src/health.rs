//! Whether the system that listens somewhere on this machine is well: for a container, whose image has no other program.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(5);
/// More than the answer of a healthy system has.
const LONGEST: u64 = 16 * 1024;

/// Asks for `/health`, and fails unless it is answered with 200 soon.
pub async fn check(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let answer =
        timeout(PATIENCE, ask(address)).await.map_err(|_| format!("{address} does not answer"))??;
    let line = answer.lines().next().unwrap_or_default();
    if line.split(' ').nth(1) == Some("200") { Ok(()) } else { Err(format!("it answers {line:?}").into()) }
}

async fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /health HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
