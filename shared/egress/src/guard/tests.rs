use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;
use crate::ranges::{METADATA, Range, SPECIAL};

mod spellings;

fn closed() -> AddressGuard {
    AddressGuard::default()
}

fn opened(allow: &str) -> AddressGuard {
    AddressGuard::new(Allow::parse(allow).unwrap())
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Both ends of every range and the word that the refusal must contain. Written apart from the table in
/// `ranges`, so that a slip in a prefix there shows here.
const REFUSED: &[(&str, &str, &str)] = &[
    ("0.0.0.0", "0.255.255.255", "this network"),
    ("10.0.0.0", "10.255.255.255", "private"),
    ("100.64.0.0", "100.127.255.255", "CGNAT"),
    ("127.0.0.0", "127.255.255.255", "loopback"),
    ("169.254.0.0", "169.254.255.255", "link-local"),
    ("172.16.0.0", "172.31.255.255", "private"),
    ("192.0.0.0", "192.0.0.255", "protocol assignments"),
    ("192.0.2.0", "192.0.2.255", "documentation"),
    ("192.88.99.0", "192.88.99.255", "6to4"),
    ("192.168.0.0", "192.168.255.255", "private"),
    ("198.18.0.0", "198.19.255.255", "benchmark"),
    ("198.51.100.0", "198.51.100.255", "documentation"),
    ("203.0.113.0", "203.0.113.255", "documentation"),
    ("224.0.0.0", "239.255.255.255", "multicast"),
    ("240.0.0.0", "255.255.255.254", "reserved"),
    ("255.255.255.255", "255.255.255.255", "broadcast"),
    ("::", "::", "unspecified"),
    ("::1", "::1", "loopback"),
    ("::2", "::ffff:ffff", "IPv4-compatible"),
    ("::8.8.8.8", "::127.0.0.1", "IPv4-compatible"),
    ("::1:0:0:0", "::fffe:ffff:ffff:ffff", "reserved"),
    ("::ffff:0:0:0", "::ffff:0:ffff:ffff", "IPv4-translated"),
    ("64:ff9b:0:1::", "64:ff9b:0:ffff:ffff:ffff:ffff:ffff", "reserved"),
    ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "NAT64"),
    ("100::", "100::ffff:ffff:ffff:ffff", "discard"),
    ("100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff", "dummy"),
    ("200::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "reserved"),
    ("2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "Teredo"),
    ("2001:1::1", "2001:1:ffff:ffff:ffff:ffff:ffff:ffff", "protocol assignments"),
    ("2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", "benchmark"),
    ("2001:10::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff", "ORCHID"),
    ("2001:20::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff", "ORCHID"),
    ("2001:30::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "protocol assignments"),
    ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "documentation"),
    ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "6to4"),
    ("3ffe::", "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "6bone"),
    ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "documentation"),
    ("4000::", "5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "reserved"),
    ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "segment routing"),
    ("5f01::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "reserved"),
    ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "unique local"),
    ("fe00::", "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "reserved"),
    ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "link-local"),
    ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "site-local"),
    ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "multicast"),
    ("2600::5efe:7f00:1", "2600:1:2:3:300:5efe:808:808", "ISATAP"),
    ("169.254.169.254", "169.254.170.2", "metadata"),
    ("169.254.170.23", "169.254.42.42", "metadata"),
    ("169.254.0.23", "100.100.100.200", "metadata"),
    ("168.63.129.16", "192.0.0.192", "metadata"),
    ("fd00:ec2::254", "fd00:ec2::23", "metadata"),
    ("fd20:ce::254", "fd00:42::42", "metadata"),
    ("::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "metadata"),
    ("::ffff:127.0.0.1", "64:ff9b::7f00:1", "loopback"),
    ("::ffff:10.0.0.1", "64:ff9b::10.255.255.255", "private"),
];

/// Real servers, and the neighbours of the ranges above.
const PUBLIC: &str = "
    1.0.0.0 1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 52.94.236.248 100.63.255.255 100.128.0.0
    126.255.255.255 128.0.0.0 140.82.121.4 168.63.129.15 168.63.129.17 169.253.255.255 169.255.0.0
    172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0 192.88.98.255 192.88.100.0
    192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255
    203.0.114.0 223.255.255.255 2000::1 2001:200::1 2001:4860:4860::8888 2001:db7:ffff::1 2001:db9::1
    2003::1 2600:1f18::5eff:7f00:1 2600:1f18:1:2:8000:5efe:0:1 2606:4700:4700::1111 2a00:1450::8a
    3ffd:ffff::1 3fff:1000::1 ::ffff:8.8.8.8 64:ff9b::808:808
";

#[test]
fn both_ends_of_every_range_are_refused_for_the_right_reason() {
    for (first, last, reason) in REFUSED {
        for address in [first, last] {
            let refused = closed().check(ip(address)).expect_err(address).to_string();
            assert!(refused.contains(reason), "{address}: {refused}");
        }
    }
}

#[test]
fn public_addresses_pass() {
    for address in PUBLIC.split_whitespace() {
        assert_eq!(closed().check(ip(address)), Ok(()), "{address}");
    }
}

#[test]
fn no_row_of_the_table_goes_untested() {
    for Range { net, what, source } in METADATA.iter().chain(SPECIAL) {
        assert!(!source.is_empty());
        let tested = REFUSED.iter().any(|(first, last, _)| {
            [first, last].iter().any(|address| {
                net.contains(&ip(address))
                    && closed().check(ip(address)).is_err_and(|refused| refused.what == *what)
            })
        });
        assert!(tested, "{net} is in no row of REFUSED");
    }
}

#[test]
fn the_refusal_names_the_address_and_the_setting() {
    let refused = closed().check(ip("10.1.2.3")).unwrap_err();
    assert_eq!(refused.address(), ip("10.1.2.3"));
    assert_eq!(
        refused.to_string(),
        "10.1.2.3 is a private address (RFC 1918), which is not called; \
         the setting EGRESS_ALLOW=10.1.2.3 would allow it"
    );
}

#[test]
fn what_the_refusal_suggests_works() {
    for address in REFUSED.iter().flat_map(|(first, last, _)| [first, last]) {
        assert_eq!(opened(address).check(ip(address)), Ok(()), "{address}");
    }
}

#[test]
fn a_range_opens_its_addresses_and_no_others() {
    let guard = opened("127.0.0.0/8,::1,fd12:3456::/32");
    for open in ["127.0.0.1", "127.255.0.1", "::1", "fd12:3456::9", "::ffff:127.0.0.1"] {
        assert_eq!(guard.check(ip(open)), Ok(()), "{open}");
    }
    for shut in ["10.0.0.1", "169.254.169.254", "::2", "fd12:3457::9", "0.0.0.0", "::127.0.0.1"] {
        assert!(guard.check(ip(shut)).is_err(), "{shut}");
    }
}

#[test]
fn a_wide_range_does_not_open_the_metadata_service() {
    let guard = opened("0.0.0.0/0,::/0");
    assert_eq!(guard.check(ip("10.0.0.1")), Ok(()));
    for shut in ["169.254.169.254", "fd00:ec2::254", "::ffff:169.254.170.2", "64:ff9b::a9fe:a9fe"] {
        assert!(guard.check(ip(shut)).is_err(), "{shut}");
    }
    assert_eq!(opened("169.254.169.254").check(ip("169.254.169.254")), Ok(()));
}

#[test]
fn every_spelling_of_an_address_in_a_url_is_checked() {
    for host in [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "\u{ff11}27.0.0.1",
        "127\u{3002}0\u{3002}0\u{3002}1",
        "0",
        "0x0",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "[fd00:ec2::254]",
        "[FE80::1]",
        "169.254.169.254",
        "0xA9FEA9FE",
        "2852039166",
        "0251.0376.0251.0376",
        "user:password@127.0.0.1",
        "8.8.8.8@127.0.0.1",
        "127.0.0.1#@8.8.8.8",
        "127.0.0.1\\@8.8.8.8",
    ] {
        for scheme in ["http", "https"] {
            let url = Url::parse(&format!("{scheme}://{host}:8080/path"))
                .or_else(|_| Url::parse(&format!("{scheme}://{host}")));
            assert!(closed().check_url(&url.expect(host)).is_err(), "{host}");
        }
    }
}

#[test]
fn names_and_public_literals_in_a_url_pass() {
    for host in ["example.com", "localhost", "8.8.8.8", "134744072", "[2606:4700:4700::1111]"] {
        assert_eq!(closed().check_url(&Url::parse(&format!("https://{host}/")).unwrap()), Ok(()), "{host}");
    }
}

#[test]
fn an_address_with_a_zone_is_no_url() {
    assert!(Url::parse("http://[fe80::1%25eth0]/").is_err());
}

/// Any address, and often one from the ends of a range, where mistakes live.
fn any_v4() -> impl Strategy<Value = Ipv4Addr> {
    let corners: Vec<Ipv4Addr> = REFUSED
        .iter()
        .flat_map(|(first, last, _)| [*first, last])
        .chain(PUBLIC.split_whitespace())
        .filter_map(|text| text.parse().ok())
        .collect();
    prop_oneof![any::<u32>().prop_map(Ipv4Addr::from), proptest::sample::select(corners)]
}

fn with_v4(prefix: [u16; 6], v4: Ipv4Addr) -> IpAddr {
    let bits = prefix.iter().fold(0u128, |bits, &s| bits << 16 | u128::from(s));
    Ipv6Addr::from(bits << 32 | u128::from(u32::from(v4))).into()
}

proptest! {
    #[test]
    fn a_carried_address_is_judged_as_itself(v4 in any_v4(), allow in any_v4(), prefix in 0u8..=32) {
        let net = ipnet::Ipv4Net::new(allow, prefix).unwrap().trunc().to_string();
        for guard in [closed(), opened(&net)] {
            let refused = guard.check(v4.into()).is_err();
            prop_assert_eq!(guard.check(v4.to_ipv6_mapped().into()).is_err(), refused);
            prop_assert_eq!(guard.check(with_v4([0x64, 0xff9b, 0, 0, 0, 0], v4)).is_err(), refused);
        }
    }

    #[test]
    fn tunnels_are_refused_whatever_they_carry(v4 in any_v4(), rest in any::<u128>()) {
        let v4_bits = u128::from(u32::from(v4));
        let six_to_four = 0x2002 << 112 | v4_bits << 80 | rest >> 48;
        let teredo = 0x2001_0000 << 96 | rest >> 64 << 32 | !v4_bits & 0xffff_ffff;
        for bits in [six_to_four, teredo] {
            prop_assert!(closed().check(Ipv6Addr::from(bits).into()).is_err());
        }
        prop_assert!(closed().check(with_v4([0x64, 0xff9b, 1, 2, 3, 4], v4)).is_err());
        prop_assert!(closed().check(with_v4([0; 6], v4)).is_err());
        prop_assert!(closed().check(with_v4([0, 0, 0, 0, 0xffff, 0], v4)).is_err());
        prop_assert!(closed().check(with_v4([0x2600, 1, 2, 3, 0x200, 0x5efe], v4)).is_err());
    }

    /// The standard library knows most ranges too, by code of its own.
    #[test]
    fn agrees_with_the_standard_library(v4 in any_v4()) {
        let special = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast()
            || v4.is_broadcast() || v4.is_documentation() || v4.is_unspecified();
        prop_assert!(!special || closed().check(v4.into()).is_err());
    }

    #[test]
    fn only_global_unicast_passes(bits in any::<u128>()) {
        let v6 = Ipv6Addr::from(bits);
        if closed().check(v6.into()).is_ok() {
            prop_assert!(v6.segments()[0] >> 13 == 1 || crate::ranges::embedded_v4(v6).is_some());
        }
    }
}
