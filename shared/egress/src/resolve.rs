//! From a name to addresses that may be called.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::AddressGuard;

/// What a lookup is while it runs.
pub type Looking = BoxFuture<'static, io::Result<Vec<IpAddr>>>;

/// Where names are looked up.
pub trait Lookup: Send + Sync + 'static {
    /// All addresses of a name, in the order in which they should be tried.
    fn lookup(&self, name: &str) -> Looking;
}

/// The operating system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: &str) -> Looking {
        let name = name.to_owned();
        Box::pin(async move {
            Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
        })
    }
}

/// The connector's resolver. What it answers is what gets dialled, so there is no moment between check and
/// use in which a name could change its address.
pub(crate) struct GuardedResolver {
    pub(crate) guard: AddressGuard,
    pub(crate) lookup: Arc<dyn Lookup>,
}

/// The lookup gave no address.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAddress {
    #[error("the name could not be resolved")]
    Failed(#[source] io::Error),
    #[error("the name has no address")]
    Empty,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, looking) = (self.guard.clone(), self.lookup.lookup(name.as_str()));
        Box::pin(async move {
            let found = looking.await.map_err(NoAddress::Failed)?;
            let mut open = Vec::with_capacity(found.len());
            let mut refused = None;
            for address in found {
                match guard.check(address) {
                    Ok(()) => open.push(SocketAddr::new(address, 0)),
                    Err(refusal) => refused = refused.or(Some(refusal)),
                }
            }
            match (open.is_empty(), refused) {
                (true, Some(refusal)) => Err(refusal.into()),
                (true, None) => Err(NoAddress::Empty.into()),
                (false, _) => Ok(Box::new(open.into_iter()) as Addrs),
            }
        })
    }
}
