//! Reading the environment: every variable by name, every fault at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The variables of a process, or of a test.
///
/// A fault does not end the reading: what is missing or wrong is noted, a stand-in is returned, and
/// [`finish`](Self::finish) tells of all of them. Nothing that was read may be used before it said `Ok`.
#[derive(Debug)]
pub struct Vars {
    values: BTreeMap<String, String>,
    asked: BTreeSet<&'static str>,
    needed: BTreeSet<&'static str>,
    faults: Vec<VarFault>,
}

/// One thing that is wrong with a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VarFault {
    /// Its name.
    pub name: &'static str,
    /// What is wrong.
    pub message: String,
}

/// The configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(Vec<VarFault>);

impl ConfigError {
    /// Every fault.
    pub fn faults(&self) -> &[VarFault] {
        &self.0
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration is wrong:")?;
        for (n, fault) in self.0.iter().enumerate() {
            write!(f, "{} {} {}", if n > 0 { ";" } else { "" }, fault.name, fault.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// The name of a variable, or its name and then those that it is also read under.
pub trait Names {
    /// The names, the proper one first.
    fn names(&self) -> &[&'static str];
}

impl Names for &'static str {
    fn names(&self) -> &[&'static str] {
        std::slice::from_ref(self)
    }
}

impl<const N: usize> Names for [&'static str; N] {
    fn names(&self) -> &[&'static str] {
        self
    }
}

impl<const N: usize> Names for &[&'static str; N] {
    fn names(&self) -> &[&'static str] {
        *self
    }
}

impl Vars {
    /// The variables of this process; one that is no UTF-8 is as good as absent.
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub fn from_process() -> Self {
        Self::new(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// The variables of a test, or of a process that hosts several functions.
    pub fn new<K: Into<String>, V: Into<String>>(values: impl IntoIterator<Item = (K, V)>) -> Self {
        let values = values.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { values, asked: BTreeSet::new(), needed: BTreeSet::new(), faults: Vec::new() }
    }

    /// A text, if it is set and not blank.
    pub fn text(&mut self, names: impl Names) -> Option<String> {
        let names = names.names();
        self.asked.extend(names.first());
        let values = &self.values;
        names
            .iter()
            .filter_map(|name| values.get(*name))
            .map(|text| text.trim())
            .find(|text| !text.is_empty())
            .map(str::to_owned)
    }

    /// A value that must be set. Where it is not, the default of its type stands in until `finish`.
    pub fn required<T>(&mut self, names: impl Names) -> T
    where
        T: FromStr + Default,
        T::Err: fmt::Display,
    {
        let name = first(&names);
        self.needed.insert(name);
        match self.text(names) {
            Some(text) => self.parse(name, &text).unwrap_or_default(),
            None => {
                self.fault(name, "is not set");
                T::default()
            }
        }
    }

    /// A value, if it is set.
    pub fn optional<T>(&mut self, names: impl Names) -> Option<T>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        let name = first(&names);
        let text = self.text(names)?;
        self.parse(name, &text)
    }

    /// A value, or this one where it is not set.
    pub fn or<T>(&mut self, names: impl Names, default: T) -> T
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        self.optional(names).unwrap_or(default)
    }

    /// A duration such as `250ms`, `30s`, `15m` or `6h`; a bare number is milliseconds.
    pub fn duration(&mut self, names: impl Names, default: Duration) -> Duration {
        let name = first(&names);
        let Some(text) = self.text(names) else { return default };
        duration(&text).unwrap_or_else(|| {
            self.fault(name, "is no duration such as 250ms, 30s, 15m or 6h, nor a number of milliseconds");
            default
        })
    }

    /// A switch: `true`, `yes`, `on`, `1`, or their opposites.
    pub fn flag(&mut self, names: impl Names, default: bool) -> bool {
        let name = first(&names);
        let Some(text) = self.text(names) else { return default };
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => true,
            "false" | "no" | "off" | "0" => false,
            _ => {
                self.fault(name, "must be true or false");
                default
            }
        }
    }

    /// Values between commas; blanks around them do not count.
    pub fn list<T>(&mut self, names: impl Names) -> Vec<T>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        let name = first(&names);
        let text = self.text(names).unwrap_or_default();
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.filter_map(|part| self.parse(name, part)).collect()
    }

    /// Notes that a variable is wrong, for rules that its type does not know.
    pub fn fault(&mut self, name: &'static str, message: impl Into<String>) {
        self.faults.push(VarFault { name, message: message.into() });
    }

    /// Every variable that was asked for, by its proper name, in alphabetical order.
    pub fn names(&self) -> Vec<&'static str> {
        self.asked.iter().copied().collect()
    }

    /// Those of them that must be set.
    pub fn required_names(&self) -> Vec<&'static str> {
        self.needed.iter().copied().collect()
    }

    /// Whether all that was read can be used.
    pub fn finish(&mut self) -> Result<(), ConfigError> {
        if self.faults.is_empty() { Ok(()) } else { Err(ConfigError(std::mem::take(&mut self.faults))) }
    }

    fn parse<T>(&mut self, name: &'static str, text: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        // The value itself stays out of the fault: it may be a secret.
        text.parse().map_err(|refused: T::Err| self.fault(name, format!("cannot be read: {refused}"))).ok()
    }
}

fn first(names: &impl Names) -> &'static str {
    names.names().first().copied().unwrap_or_default()
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "" | "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_each_kind_under_either_name() {
        let mut vars = Vars::new([
            ("TABLE_NAME", "nightjar"),
            ("OUTBOUND_WEBHOOK", " http://x "),
            ("WINDOW", "900000"),
            ("LEASE", "65s"),
            ("FAIL", "Yes"),
            ("ORIGINS", "http://a, http://b,"),
            ("EMPTY", "  "),
        ]);
        assert_eq!(vars.required::<String>("TABLE_NAME"), "nightjar");
        assert_eq!(vars.text(["WEBHOOK_URL", "OUTBOUND_WEBHOOK"]).as_deref(), Some("http://x"));
        assert_eq!(vars.duration("WINDOW", Duration::ZERO), Duration::from_secs(900));
        assert_eq!(vars.duration("LEASE", Duration::ZERO), Duration::from_secs(65));
        assert!(vars.flag("FAIL", false));
        assert_eq!(vars.list::<String>("ORIGINS"), ["http://a", "http://b"]);
        assert_eq!(vars.or("EMPTY", 7u64), 7);
        assert_eq!(vars.optional::<u64>("ABSENT"), None);
        assert_eq!(
            vars.names(),
            ["ABSENT", "EMPTY", "FAIL", "LEASE", "ORIGINS", "TABLE_NAME", "WEBHOOK_URL", "WINDOW"]
        );
        assert_eq!(vars.required_names(), ["TABLE_NAME"]);
        assert_eq!(vars.finish(), Ok(()));
    }

    #[test]
    fn tells_of_every_fault_at_once_and_of_no_value() {
        let mut vars = Vars::new([("LIMIT", "s3cret"), ("WAIT", "1y"), ("ON", "maybe"), ("PORTS", "1,x")]);
        vars.required::<String>("TABLE_NAME");
        assert_eq!(vars.or("LIMIT", 3u64), 3);
        vars.duration("WAIT", Duration::ZERO);
        vars.flag("ON", true);
        assert_eq!(vars.list::<u16>("PORTS"), [1]);
        let refused = vars.finish().unwrap_err();
        let named: Vec<_> = refused.faults().iter().map(|fault| fault.name).collect();
        assert_eq!(named, ["TABLE_NAME", "LIMIT", "WAIT", "ON", "PORTS"]);
        let text = refused.to_string();
        assert!(text.contains("TABLE_NAME is not set; LIMIT cannot be read"), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }

    #[test]
    fn durations() {
        assert_eq!(duration("0"), Some(Duration::ZERO));
        assert_eq!(duration("2d"), Some(Duration::from_secs(172_800)));
        for wrong in ["", "s", "-1s", "1.5s", "99999999999999999999h"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }
}
