//! Which addresses are not the public internet, and who says so.
//!
//! The source of most rows is the pair of IANA registries, "IPv4 Special-Purpose Address Space" and "IPv6
//! Special-Purpose Address Space", and the RFC that each registry entry cites. A few rows there are globally
//! reachable (anycast for port control and multicast relays); no web server lives in them, so they stay with
//! the block around them. The metadata addresses come from the clouds' own documents.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// A block of addresses that the guard refuses.
#[derive(Debug)]
pub(crate) struct Range {
    pub(crate) net: IpNet,
    /// What an address in it is, to follow "is".
    pub(crate) what: &'static str,
    /// The document that sets it apart.
    pub(crate) source: &'static str,
}

const fn v4(a: [u8; 4], prefix: u8, what: &'static str, source: &'static str) -> Range {
    let address = Ipv4Addr::new(a[0], a[1], a[2], a[3]);
    Range { net: IpNet::V4(Ipv4Net::new_assert(address, prefix)), what, source }
}

const fn v6(a: [u16; 8], prefix: u8, what: &'static str, source: &'static str) -> Range {
    let address = Ipv6Addr::new(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]);
    Range { net: IpNet::V6(Ipv6Net::new_assert(address, prefix)), what, source }
}

/// Where clouds hand credentials to whoever asks. Some lie in ranges below and some in public ones; a wide
/// entry of `EGRESS_ALLOW` does not open them, only their own address does.
pub(crate) const METADATA: &[Range] = &[
    v4([169, 254, 169, 254], 32, METADATA_WHAT, "EC2, Azure, Google Cloud, DigitalOcean: instance metadata"),
    v4([169, 254, 170, 2], 32, METADATA_WHAT, "Amazon ECS: task credentials"),
    v4([169, 254, 170, 23], 32, METADATA_WHAT, "Amazon EKS: pod identity agent"),
    v4([169, 254, 42, 42], 32, METADATA_WHAT, "Scaleway: instance metadata"),
    v4([169, 254, 0, 23], 32, METADATA_WHAT, "Tencent Cloud: instance metadata"),
    v4([100, 100, 100, 200], 32, METADATA_WHAT, "Alibaba Cloud: instance metadata"),
    v4([168, 63, 129, 16], 32, METADATA_WHAT, "Azure: WireServer"),
    v4([192, 0, 0, 192], 32, METADATA_WHAT, "Oracle Cloud classic: instance metadata"),
    v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128, METADATA_WHAT, "EC2: instance metadata"),
    v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23], 128, METADATA_WHAT, "Amazon EKS: pod identity agent"),
    v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128, METADATA_WHAT, "Google Cloud: instance metadata"),
    v6([0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42], 128, METADATA_WHAT, "Scaleway: instance metadata"),
];

const METADATA_WHAT: &str = "a cloud metadata address";

/// The special-purpose blocks; the first that matches gives the reason, so inner blocks stand before outer.
pub(crate) const SPECIAL: &[Range] = &[
    v4([0, 0, 0, 0], 8, "an address of \"this network\"", "RFC 791, section 3.2"),
    v4([10, 0, 0, 0], 8, "a private address", "RFC 1918"),
    v4([100, 64, 0, 0], 10, "a carrier's shared address (CGNAT)", "RFC 6598"),
    v4([127, 0, 0, 0], 8, "a loopback address", "RFC 1122, section 3.2.1.3"),
    v4([169, 254, 0, 0], 16, "a link-local address", "RFC 3927"),
    v4([172, 16, 0, 0], 12, "a private address", "RFC 1918"),
    v4([192, 0, 0, 0], 24, "an address of protocol assignments", "RFC 6890, section 2.1"),
    v4([192, 0, 2, 0], 24, "a documentation address", "RFC 5737"),
    v4([192, 88, 99, 0], 24, "a 6to4 relay", "RFC 7526"),
    v4([192, 168, 0, 0], 16, "a private address", "RFC 1918"),
    v4([198, 18, 0, 0], 15, "a benchmark address", "RFC 2544"),
    v4([198, 51, 100, 0], 24, "a documentation address", "RFC 5737"),
    v4([203, 0, 113, 0], 24, "a documentation address", "RFC 5737"),
    v4([224, 0, 0, 0], 4, "a multicast address", "RFC 5771"),
    v4([255, 255, 255, 255], 32, "the broadcast address", "RFC 919, section 7"),
    v4([240, 0, 0, 0], 4, "a reserved address", "RFC 1112, section 4"),
    v6([0, 0, 0, 0, 0, 0, 0, 0], 128, "the unspecified address", "RFC 4291, section 2.5.2"),
    v6([0, 0, 0, 0, 0, 0, 0, 1], 128, "a loopback address", "RFC 4291, section 2.5.3"),
    v6([0, 0, 0, 0, 0, 0, 0, 0], 96, "an IPv4-compatible address", "RFC 4291, section 2.5.5.1"),
    v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96, "an IPv4-translated address", "RFC 2765, section 2.1"),
    v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, "an address of local NAT64", "RFC 8215"),
    v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64, "a discard address", "RFC 6666"),
    v6([0x100, 0, 0, 1, 0, 0, 0, 0], 64, "a dummy address", "RFC 9780"),
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, "a Teredo address", "RFC 4380"),
    v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48, "a benchmark address", "RFC 5180"),
    v6([0x2001, 0x10, 0, 0, 0, 0, 0, 0], 28, "an ORCHID, no address", "RFC 4843"),
    v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28, "an ORCHID, no address", "RFC 7343"),
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "an address of protocol assignments", "RFC 2928"),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "a documentation address", "RFC 3849"),
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "a 6to4 address", "RFC 3056, RFC 7526"),
    v6([0x3ffe, 0, 0, 0, 0, 0, 0, 0], 16, "an address of the former 6bone", "RFC 3701"),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "a documentation address", "RFC 9637"),
    v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, "a segment routing identifier", "RFC 9602"),
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "a unique local address", "RFC 4193"),
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "a link-local address", "RFC 4291, section 2.5.6"),
    v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, "a site-local address", "RFC 3879"),
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "a multicast address", "RFC 4291, section 2.7"),
];

/// Everything that IANA has given out for unicast lies in here; the rest is kept back.
pub(crate) const GLOBAL_UNICAST: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Says why a v4 address or a v6 address that stands for itself is refused.
pub(crate) fn special(address: IpAddr) -> Option<(&'static str, &'static str)> {
    if let Some(range) = SPECIAL.iter().find(|range| range.net.contains(&address)) {
        return Some((range.what, range.source));
    }
    match address {
        IpAddr::V6(v6) if is_isatap(v6) => Some(("an ISATAP address", "RFC 5214, section 6.1")),
        IpAddr::V6(v6) if !GLOBAL_UNICAST.contains(&v6) => {
            Some(("a reserved address", "IANA IPv6 Address Space registry"))
        }
        _ => None,
    }
}

/// The metadata service that the address belongs to.
pub(crate) fn metadata(address: IpAddr) -> Option<(&'static str, &'static str)> {
    METADATA.iter().find(|range| range.net.contains(&address)).map(|range| (range.what, range.source))
}

/// The IPv4 address that a packet to this address ends at: for IPv4-mapped ones (RFC 4291, section 2.5.5.2)
/// the kernel speaks IPv4, and those of 64:ff9b::/96 a NAT64 gateway translates (RFC 6052, section 2.1), which
/// is how a network without IPv4 reaches public servers.
pub(crate) fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = address.segments();
    let carries = s[..6] == [0, 0, 0, 0, 0, 0xffff] || s[..6] == [0x64, 0xff9b, 0, 0, 0, 0];
    let [a, b] = s[6].to_be_bytes();
    let [c, d] = s[7].to_be_bytes();
    carries.then(|| Ipv4Addr::new(a, b, c, d))
}

/// ISATAP may use any /64, so its mark is in the interface identifier: `[02]00:5efe` and then an IPv4 address.
/// The two bits left out are "universal" and "group".
fn is_isatap(address: Ipv6Addr) -> bool {
    let s = address.segments();
    s[4] & 0xfcff == 0 && s[5] == 0x5efe
}
