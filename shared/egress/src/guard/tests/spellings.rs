//! Any address in any spelling, in a URL and as the answer of a lookup.

use std::sync::Arc;

use futures::FutureExt;
use proptest::collection::vec;
use proptest::sample::select;
use reqwest::dns::Resolve;

use super::*;
use crate::resolve::{GuardedResolver, Looking, Lookup};

/// Whether an address lies in a range of the list that is kept apart from the code's.
fn is_listed(address: IpAddr) -> bool {
    let within = |first: &str, last: &str| {
        let (first, last) = (ip(first), ip(last));
        first.is_ipv4() == address.is_ipv4()
            && last.is_ipv4() == address.is_ipv4()
            && (first..=last).contains(&address)
    };
    REFUSED.iter().any(|(first, last, what)| {
        if is_single(what) { [first, last].iter().any(|one| ip(one) == address) } else { within(first, last) }
    })
}

/// The rows of two single addresses each, between which lies nothing in common.
fn is_single(what: &str) -> bool {
    ["metadata", "ISATAP"].contains(&what)
}

/// An address from within a refused range, not only from its ends.
fn refused_v4() -> impl Strategy<Value = Ipv4Addr> {
    let rows = REFUSED.iter().filter_map(|(first, last, what)| {
        let (first, last): (Ipv4Addr, Ipv4Addr) = (first.parse().ok()?, last.parse().ok()?);
        let (first, last) = (u32::from(first), u32::from(last));
        Some(if is_single(what) { vec![(first, first), (last, last)] } else { vec![(first, last)] })
    });
    let rows: Vec<_> = rows.flatten().collect();
    select(rows).prop_flat_map(|(first, last)| first..=last).prop_map(Ipv4Addr::from)
}

fn refused_v6() -> impl Strategy<Value = Ipv6Addr> {
    let rows = REFUSED.iter().filter(|(_, _, what)| !is_single(what)).filter_map(|(first, last, _)| {
        let (first, last): (Ipv6Addr, Ipv6Addr) = (first.parse().ok()?, last.parse().ok()?);
        // Those that carry an address of four are judged as that one.
        first.to_ipv4_mapped().is_none().then_some((u128::from(first), u128::from(last)))
    });
    let rows: Vec<_> = rows.collect();
    select(rows).prop_flat_map(|(first, last)| first..=last).prop_map(Ipv6Addr::from)
}

fn public_v4() -> impl Strategy<Value = Ipv4Addr> {
    any_v4().prop_filter("a public one", |v4| !is_listed((*v4).into()))
}

/// A number in a base that URLs know.
fn number(value: u64) -> impl Strategy<Value = String> {
    (0usize..5, 0usize..4, any::<bool>()).prop_map(move |(base, zeros, upper)| {
        let zeros = "0".repeat(zeros);
        let text = match base {
            0 => format!("0x{zeros}{value:x}"),
            1 => format!("0{zeros}{value:o}"),
            _ => value.to_string(),
        };
        if upper { text.to_uppercase() } else { text }
    })
}

/// The address in one to four parts, of which the last holds what the others leave.
fn parts(v4: Ipv4Addr) -> impl Strategy<Value = String> {
    (1usize..=4).prop_flat_map(move |count| {
        let octets = v4.octets();
        let mut parts: Vec<u64> = octets[..count - 1].iter().map(|octet| u64::from(*octet)).collect();
        parts.push(octets[count - 1..].iter().fold(0, |sum, octet| sum << 8 | u64::from(*octet)));
        parts.into_iter().map(number).collect::<Vec<_>>().prop_map(|parts| parts.join("."))
    })
}

/// What hosts a URL may have that lead to this address, whoever reads them.
fn spelling(v4: Ipv4Addr) -> impl Strategy<Value = String> {
    let [a, b, c, d] = v4.octets();
    let six = [
        v4.to_ipv6_mapped().to_string(),
        format!("::ffff:{:x}:{:x}", u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])),
        format!("0:0:0:0:0:FFFF:{v4}"),
        format!("64:ff9b::{v4}"),
    ];
    let six = select(six.to_vec()).prop_map(|text| format!("[{text}]"));
    let written = parts(v4).prop_flat_map(|text| {
        (0usize..5, Just(text)).prop_map(|(way, text)| match way {
            0 => text.bytes().map(|byte| format!("%{byte:02x}")).collect(),
            1 => text.replace('.', "\u{3002}"),
            2 => text.chars().map(full_width).collect(),
            3 => format!("{text}."),
            _ => text,
        })
    });
    let dressed = (prop_oneof![3 => written, 1 => six], 0usize..6);
    dressed.prop_map(|(host, dress)| match dress {
        0 => format!("user:secret@{host}"),
        1 => format!("example.com@{host}"),
        2 => format!("8.8.8.8%40{host}@{host}"),
        _ => host,
    })
}

/// Digits as East Asian texts have them, which URLs take for digits.
fn full_width(character: char) -> char {
    match character.to_digit(10) {
        Some(digit) => char::from_u32(0xff10 + digit).unwrap(),
        None => character,
    }
}

fn url(host: &str, rest: &str) -> Url {
    Url::parse(&format!("http://{host}{rest}")).unwrap_or_else(|error| panic!("{host}{rest}: {error}"))
}

/// What may follow a host, and must not be taken for a part of it.
fn rest() -> impl Strategy<Value = &'static str> {
    select(vec![
        "",
        "/",
        ":80/",
        ":8080/hook?x=1",
        "/@8.8.8.8",
        "?@example.com",
        "#@example.com",
        "\\@example.com/",
    ])
}

/// A lookup with these answers.
struct Answers(Vec<IpAddr>);

impl Lookup for Answers {
    fn lookup(&self, _: &str) -> Looking {
        let answers = self.0.clone();
        Box::pin(async move { Ok(answers) })
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_address_is_refused_if_its_range_is_listed_and_passes_if_not(v4 in any_v4(), inner in refused_v4(), six in refused_v6()) {
        prop_assert_eq!(closed().check(v4.into()).is_err(), is_listed(v4.into()), "{}", v4);
        prop_assert!(closed().check(inner.into()).is_err(), "{inner}");
        prop_assert!(closed().check(six.into()).is_err(), "{six}");
    }

    #[test]
    fn a_spelling_of_a_refused_address_is_refused((v4, host) in refused_v4().prop_flat_map(|v4| (Just(v4), spelling(v4))), rest in rest()) {
        prop_assert!(closed().check_url(&url(&host, rest)).is_err(), "{host}{rest} is {v4}");
    }

    #[test]
    fn a_spelling_of_a_public_address_passes((v4, host) in public_v4().prop_flat_map(|v4| (Just(v4), spelling(v4))), rest in rest()) {
        prop_assert_eq!(closed().check_url(&url(&host, rest)), Ok(()), "{}{} is {}", host, rest, v4);
    }

    #[test]
    fn an_address_of_six_in_a_url_is_judged_as_itself(six in prop_oneof![refused_v6(), any::<u128>().prop_map(Ipv6Addr::from)]) {
        let long = six.segments().map(|segment| format!("{segment:04X}")).join(":");
        for text in [six.to_string(), long] {
            let told = closed().check_url(&url(&format!("[{text}]"), "/"));
            prop_assert_eq!(told.is_err(), closed().check(six.into()).is_err(), "{}", text);
        }
    }

    /// Of what a name leads to only the public addresses are ever dialled, in their order.
    #[test]
    fn a_lookup_leads_nowhere_else(bad in vec(prop_oneof![refused_v4().prop_map(IpAddr::V4), refused_v6().prop_map(IpAddr::V6)], 0..4), good in vec(public_v4(), 0..4), turn in 0usize..8) {
        let good: Vec<IpAddr> = good.into_iter().map(IpAddr::V4).collect();
        let mut all = [bad.clone(), good.clone()].concat();
        let turn = if all.is_empty() { 0 } else { turn % all.len() };
        all.rotate_left(turn);
        let wanted: Vec<_> = all.iter().copied().filter(|address| good.contains(address)).collect();
        let resolver = GuardedResolver { guard: closed(), lookup: Arc::new(Answers(all)) };
        let found = resolver.resolve("example.com".parse().unwrap()).now_or_never().unwrap();
        match found {
            Ok(found) => prop_assert_eq!(found.map(|address| address.ip()).collect::<Vec<_>>(), wanted),
            Err(error) => {
                prop_assert!(wanted.is_empty());
                let refused = error.downcast_ref::<Refused>().map(Refused::address);
                prop_assert!(bad.is_empty() == refused.is_none() && refused.is_none_or(|one| bad.contains(&one)));
            }
        }
    }
}
