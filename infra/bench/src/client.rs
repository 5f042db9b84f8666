//! One connection that is kept.

use std::error::Error;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A connection to the system.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

/// A request to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) token: Option<String>,
    pub(crate) body: String,
}

impl Ask {
    pub(crate) fn get(path: impl Into<String>, token: &str) -> Self {
        Self { method: Method::GET, path: path.into(), token: Some(token.to_owned()), body: String::new() }
    }

    pub(crate) fn post(path: &str, token: Option<&str>, body: String) -> Self {
        Self { method: Method::POST, path: path.to_owned(), token: token.map(str::to_owned), body }
    }
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, host: address.to_string() })
    }

    pub(crate) async fn send(
        &mut self,
        ask: Ask,
    ) -> Result<(StatusCode, Bytes), Box<dyn Error + Send + Sync>> {
        let mut request = Request::builder()
            .method(ask.method)
            .uri(ask.path)
            .header("host", &self.host)
            .header("content-type", "application/json");
        if let Some(token) = &ask.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.sender.ready().await?;
        let answer = self.sender.send_request(request.body(Full::new(Bytes::from(ask.body)))?).await?;
        let status = answer.status();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }
}
