//! `EGRESS_ALLOW`: the ranges that an operator opens in the guard.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// The ranges that the guard lets through although it would refuse them.
///
/// The default is none. Written as CIDRs or single addresses, with commas or spaces between them:
/// `127.0.0.0/8, ::1, 10.20.0.0/16`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allow(Vec<IpNet>);

/// An item of `EGRESS_ALLOW` that is no range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAllow {
    /// Neither an address nor a CIDR.
    #[error("EGRESS_ALLOW: `{0}` is neither an address nor a range such as 10.0.0.0/8 or fd00::/8")]
    NotARange(String),
    /// The address has bits beyond the prefix: either one could be the mistake.
    #[error("EGRESS_ALLOW: `{item}` has bits set beyond its prefix; write {meant}, or the address alone")]
    BitsBeyondPrefix {
        /// What was written.
        item: String,
        /// The range with that prefix.
        meant: IpNet,
    },
}

impl Allow {
    /// Opens nothing.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Reads the setting; an empty text opens nothing.
    pub fn parse(text: &str) -> Result<Self, BadAllow> {
        text.split(|c: char| c == ',' || c.is_whitespace())
            .filter(|item| !item.is_empty())
            .map(range)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether nothing is opened.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&address))
    }

    /// Whether the address stands in the list by itself, not merely within a wider range.
    pub(crate) fn names(&self, address: IpAddr) -> bool {
        self.0.contains(&IpNet::from(address))
    }
}

fn range(item: &str) -> Result<IpNet, BadAllow> {
    if let Ok(address) = item.parse::<IpAddr>() {
        return Ok(IpNet::from(address));
    }
    let net: IpNet = item.parse().map_err(|_| BadAllow::NotARange(item.to_owned()))?;
    let meant = net.trunc();
    if net == meant { Ok(net) } else { Err(BadAllow::BitsBeyondPrefix { item: item.to_owned(), meant }) }
}

impl FromStr for Allow {
    type Err = BadAllow;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Allow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, net) in self.0.iter().enumerate() {
            write!(f, "{}{net}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_ranges_and_single_addresses() {
        let allow = Allow::parse(" 127.0.0.0/8,::1\n10.1.2.3 ,, fd00::/8").unwrap();
        assert_eq!(allow.to_string(), "127.0.0.0/8,::1/128,10.1.2.3/32,fd00::/8");
        assert_eq!(allow.to_string().parse(), Ok(allow.clone()));
        assert!(allow.contains("127.9.9.9".parse().unwrap()));
        assert!(allow.contains("10.1.2.3".parse().unwrap()));
        assert!(!allow.contains("10.1.2.4".parse().unwrap()));
        assert!(allow.names("::1".parse().unwrap()) && !allow.names("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn an_empty_setting_opens_nothing() {
        assert_eq!(Allow::parse(" , ").unwrap(), Allow::none());
        assert!(Allow::default().is_empty());
    }

    #[test]
    fn a_bad_item_is_named() {
        for bad in ["10.0.0.0/33", "localhost", "10.0.0/8", "::1/129", "10.0.0.0-10.0.0.9", "/8"] {
            let error = Allow::parse(&format!("127.0.0.1,{bad},::1")).unwrap_err();
            assert_eq!(error, BadAllow::NotARange(bad.into()));
            assert!(error.to_string().contains(bad), "{error}");
        }
    }

    #[test]
    fn a_range_that_is_ambiguous_is_refused_with_the_range_it_may_mean() {
        let error = Allow::parse("10.0.0.1/8").unwrap_err().to_string();
        assert!(error.contains("10.0.0.1/8") && error.contains("write 10.0.0.0/8"), "{error}");
    }
}
