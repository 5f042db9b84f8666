//! What holds for whatever is sent as a cursor, a token or a key.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "all of this is a test")]

mod cursor;
mod tokens;

use boot::secrets::Secrets;
use domain::id::UserId;
use domain::time::{Clock, Entropy, Moment};
use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::sample::Index;
use proptest::test_runner::Config;

/// Seeds are not kept: a failure prints its case, and the case becomes a test.
fn config() -> Config {
    Config { failure_persistence: None, ..Config::default() }
}

/// A clock that stands, and an entropy that is known.
#[derive(Clone, Copy, Debug)]
struct Still {
    now: Moment,
    fill: u8,
}

impl Clock for Still {
    fn now(&self) -> Moment {
        self.now
    }
}

impl Entropy for Still {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(self.fill);
    }
}

fn user() -> impl Strategy<Value = UserId> {
    any::<u128>().prop_map(|bits| format!("{}{bits:032x}", UserId::PREFIX).parse().unwrap())
}

fn secret() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{1,80}", any::<String>()]
}

fn secrets() -> impl Strategy<Value = Secrets> {
    secret().prop_map(Secrets::of)
}

/// What may happen to a text on its way.
#[derive(Clone, Debug)]
enum Harm {
    /// A bit of it turns.
    Bit(Index, u8),
    /// A character becomes another one, mostly of the same alphabet.
    Other(Index, char),
    /// The last character becomes another one.
    Ending(char),
    /// A character comes in.
    Grown(Index, char),
    /// A character is lost.
    Lost(Index),
    /// All behind a place is lost.
    Cut(Index),
    /// All up to a place comes once more.
    Twice(Index),
}

fn harm() -> impl Strategy<Value = Harm> {
    let place = any::<Index>;
    let character = || {
        prop_oneof![
            4 => proptest::char::ranges(vec!['A'..='Z', 'a'..='z', '0'..='9'].into()),
            2 => proptest::sample::select(vec!['-', '_', '.', '=', '+', '/', ' ', '\0', '\n']),
            1 => any::<char>(),
        ]
    };
    prop_oneof![
        3 => (place(), 0..7u8).prop_map(|(at, bit)| Harm::Bit(at, bit)),
        3 => (place(), character()).prop_map(|(at, other)| Harm::Other(at, other)),
        1 => (place(), character()).prop_map(|(at, other)| Harm::Grown(at, other)),
        1 => place().prop_map(Harm::Lost),
        1 => place().prop_map(Harm::Cut),
        1 => place().prop_map(Harm::Twice),
        // The last character holds bits that mean nothing, and must not have two spellings.
        1 => character().prop_map(Harm::Ending),
    ]
}

impl Harm {
    /// The text (of ASCII) with this harm, which may leave it as it was.
    fn done_to(&self, text: &str) -> String {
        let at = |place: &Index| place.index(text.len());
        match self {
            Self::Bit(place, bit) => {
                let mut bytes = text.as_bytes().to_vec();
                bytes[at(place)] ^= 1 << bit;
                String::from_utf8(bytes).unwrap()
            }
            Self::Other(place, other) => {
                let at = at(place);
                format!("{}{other}{}", &text[..at], &text[at + 1..])
            }
            Self::Ending(other) => format!("{}{other}", &text[..text.len() - 1]),
            Self::Grown(place, other) => {
                let (head, tail) = text.split_at(at(place));
                format!("{head}{other}{tail}")
            }
            Self::Lost(place) => {
                let at = at(place);
                format!("{}{}", &text[..at], &text[at + 1..])
            }
            Self::Cut(place) => text[..at(place)].to_owned(),
            Self::Twice(place) => format!("{}{text}", &text[..at(place)]),
        }
    }
}
