//! The engine behind a door: over TLS, as AWS is, with a count of who comes in.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::serve::Listener;
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::Fault;

/// A server on this machine.
pub(crate) struct Door {
    address: SocketAddr,
    certificate: String,
    came: watch::Receiver<Vec<SocketAddr>>,
}

impl Door {
    /// Serves these routes under a certificate of its own making.
    pub(crate) async fn open(routes: Router) -> Result<Self, Fault> {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (comes, came) = watch::channel(Vec::new());
        let doorkeeper = Doorkeeper { listener, tls: TlsAcceptor::from(Arc::new(config)), comes };
        tokio::spawn(async move { axum::serve(doorkeeper, routes).await });
        Ok(Self { address, certificate: made.cert.pem(), came })
    }

    /// As `AWS_ENDPOINT_URL` names it.
    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The certificate, in PEM.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Comes in by itself, and says how many had come before. Connections are taken in their order, so everybody counts
    /// who had connected when this was called.
    pub(crate) async fn knock(&self) -> Result<usize, Fault> {
        // A port is used again and again: one that came before is somebody else's.
        let before = self.came.borrow().len();
        let stream = TcpStream::connect(self.address).await?;
        let from = stream.local_addr()?;
        let place = |all: &Vec<SocketAddr>| all.iter().skip(before).position(|one| *one == from);
        let mut came = self.came.clone();
        let all = came.wait_for(|all| place(all).is_some()).await?;
        Ok(before + place(&all).unwrap_or_default())
    }
}

struct Doorkeeper {
    listener: TcpListener,
    tls: TlsAcceptor,
    comes: watch::Sender<Vec<SocketAddr>>,
}

impl Listener for Doorkeeper {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, from) = Listener::accept(&mut self.listener).await;
            let _ = stream.set_nodelay(true);
            self.comes.send_modify(|all| all.push(from));
            // Who knocks is gone already, and speaks no TLS.
            if let Ok(stream) = self.tls.accept(stream).await {
                return (stream, from);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everybody_who_has_connected_counts() {
        let door = Door::open(Router::new()).await.unwrap();
        let first = door.knock().await.unwrap();
        assert_eq!(door.knock().await.unwrap(), first + 1);
        // One who says nothing is seen too, though the door waits for them.
        let silent = TcpStream::connect(door.address).await.unwrap();
        drop(silent);
        assert_eq!(door.knock().await.unwrap(), first + 3);
    }
}
