//! What a binary needs of glibc.

use std::fmt;

use object::Endianness;
use object::elf::FileHeader64;
use object::read::elf::FileHeader;

use crate::Fault;

/// A version of glibc.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Glibc(pub(crate) u32, pub(crate) u32);

impl fmt::Display for Glibc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl Glibc {
    /// Reads the name of a symbol version, such as `GLIBC_2.34`; that of another library is none.
    fn parse(name: &str) -> Option<Self> {
        let mut numbers = name.strip_prefix("GLIBC_")?.split('.');
        let mut number = || numbers.next()?.parse().ok();
        Some(Self(number()?, number()?))
    }
}

/// The oldest glibc that the binary starts on, by the versions of the symbols that it asks for.
pub(crate) fn glibc(binary: &[u8]) -> Result<Glibc, Fault> {
    let header = FileHeader64::<Endianness>::parse(binary)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, binary)?;
    let (mut libraries, names) = sections.gnu_verneed(endian, binary)?.ok_or("it asks for no library")?;
    let names = sections.strings(endian, binary, names)?;
    let mut needed = None;
    while let Some((_, mut versions)) = libraries.next()? {
        while let Some(version) = versions.next()? {
            let name = version.name(endian, names)?;
            needed = needed.max(std::str::from_utf8(name).ok().and_then(Glibc::parse));
        }
    }
    needed.ok_or_else(|| "it asks for no version of glibc".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers_and_no_decimals() {
        assert_eq!(Glibc::parse("GLIBC_2.34"), Some(Glibc(2, 34)));
        assert_eq!(Glibc::parse("GLIBC_2.2.5"), Some(Glibc(2, 2)));
        assert_eq!(Glibc::parse("GCC_3.0"), None);
        assert_eq!(Glibc::parse("GLIBC_PRIVATE"), None);
        assert!(Glibc(2, 9) < Glibc(2, 34) && Glibc(2, 34).to_string() == "2.34");
    }

    #[test]
    fn a_binary_tells_and_what_is_none_does_not() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        // A Rust program starts threads with symbols of no glibc before this.
        assert!(glibc(&own).unwrap() >= Glibc(2, 14), "{}", glibc(&own).unwrap());
        assert!(glibc(&own[..own.len() / 2]).is_err());
        assert!(glibc(b"#!/bin/sh\nexec bootstrap\n").is_err());
    }
}
