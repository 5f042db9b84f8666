//! The decision whether an address may be called.

use std::net::IpAddr;

use url::{Host, Url};

use crate::Allow;
use crate::ranges::{embedded_v4, metadata, special};

/// Lets through public addresses and those that `EGRESS_ALLOW` opens.
#[derive(Clone, Debug, Default)]
pub struct AddressGuard {
    allow: Allow,
}

/// An address that is not called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{address} is {what} ({source_document}), which is not called; the setting \
     EGRESS_ALLOW={address} would allow it"
)]
pub struct Refused {
    address: IpAddr,
    what: &'static str,
    source_document: &'static str,
}

impl AddressGuard {
    /// A guard with these exceptions.
    pub const fn new(allow: Allow) -> Self {
        Self { allow }
    }

    /// Whether this address may be called.
    ///
    /// An address that carries an IPv4 one (IPv4-mapped, NAT64) is judged as that one. A cloud metadata address
    /// is open only if `EGRESS_ALLOW` names it alone, because whoever opens 169.254.0.0/16 or 0.0.0.0/0 hardly
    /// means to give away credentials.
    pub fn check(&self, address: IpAddr) -> Result<(), Refused> {
        let target = match address {
            IpAddr::V6(v6) => embedded_v4(v6).map_or(address, IpAddr::V4),
            IpAddr::V4(_) => address,
        };
        let (refusal, open) = match metadata(target) {
            Some(refusal) => (Some(refusal), self.allow.names(address) || self.allow.names(target)),
            None => (special(target), self.allow.contains(address) || self.allow.contains(target)),
        };
        match refusal {
            Some((what, source_document)) if !open => Err(Refused { address, what, source_document }),
            _ => Ok(()),
        }
    }

    /// Checks the host of a URL if it is an address, in whatever spelling: `url` reads `127.1`, `0x7f000001`
    /// and `0177.0.0.1` as the same IPv4 address. A name passes: it is checked when it is resolved.
    pub fn check_url(&self, url: &Url) -> Result<(), Refused> {
        match url.host() {
            Some(Host::Ipv4(v4)) => self.check(v4.into()),
            Some(Host::Ipv6(v6)) => self.check(v6.into()),
            // The connector reads a host as an address with the standard library's parser, and so may we:
            // nothing that it takes for a literal gets past the guard, should the two ever disagree.
            Some(Host::Domain(name)) => name.parse().map_or(Ok(()), |address| self.check(address)),
            None => Ok(()),
        }
    }
}

impl Refused {
    /// The address in question.
    pub fn address(&self) -> IpAddr {
        self.address
    }
}

#[cfg(test)]
mod tests;
