//! Query parameters, taken one by one, with every fault by the parameter's name.

use std::convert::Infallible;
use std::fmt::Display;
use std::ops::RangeInclusive;

use axum::extract::FromRequestParts;
use domain::input::Fault;
use http::request::Parts;
use url::form_urlencoded;

use crate::problem::Problem;

/// The parameters of a request. An empty value is as good as none, and one that nobody asks for is ignored.
#[derive(Debug, Default)]
pub struct Query {
    values: Vec<(String, String)>,
    faults: Vec<Fault>,
}

impl Query {
    /// Reads the part of a URI behind its `?`.
    pub fn parse(text: &str) -> Self {
        let values = form_urlencoded::parse(text.as_bytes())
            .filter(|(_, value)| !value.trim().is_empty())
            .map(|(name, value)| (name.into_owned(), value.trim().to_owned()))
            .collect();
        Self { values, faults: Vec::new() }
    }

    /// The one value under any of these names; a fault if there are two different ones.
    pub fn text(&mut self, names: &[&str]) -> Option<String> {
        let mut found: Vec<_> = self.under(names).collect();
        found.dedup();
        let value = found.first().map(|text| (*text).to_owned());
        if found.len() > 1 {
            self.fault(first(names), "is given more than once");
        }
        value
    }

    /// A value that has rules of its own.
    pub fn parsed<T, E: Display>(
        &mut self,
        names: &[&str],
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(names)?;
        parse(&text).map_err(|refused| self.fault(first(names), refused.to_string())).ok()
    }

    /// Several values: repeated, or between commas, or both.
    pub fn list<T, E: Display>(
        &mut self,
        names: &[&str],
        mut parse: impl FnMut(&str) -> Result<T, E>,
    ) -> Vec<T> {
        let parts: Vec<String> = self
            .under(names)
            .flat_map(|text| text.split(','))
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect();
        let mut list = Vec::with_capacity(parts.len());
        for part in parts {
            match parse(&part) {
                Ok(value) => list.push(value),
                Err(refused) => self.fault(first(names), refused.to_string()),
            }
        }
        list
    }

    /// A whole number within these bounds.
    pub fn number(&mut self, names: &[&str], bounds: RangeInclusive<u64>) -> Option<u64> {
        let complaint = if *bounds.end() == u64::MAX {
            format!("must be a whole number, {} or more", bounds.start())
        } else {
            format!("must be a whole number from {} to {}", bounds.start(), bounds.end())
        };
        self.parsed(names, |text| text.parse().ok().filter(|number| bounds.contains(number)).ok_or(complaint))
    }

    /// True or false.
    pub fn flag(&mut self, names: &[&str]) -> Option<bool> {
        self.parsed(names, |text| match text.to_ascii_lowercase().as_str() {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err("must be true or false"),
        })
    }

    /// Notes a fault of a parameter.
    pub fn fault(&mut self, name: &str, message: impl Into<String>) {
        self.faults.push(Fault::new(name, message));
    }

    /// Every fault.
    pub fn finish(self) -> Result<(), Problem> {
        if self.faults.is_empty() { Ok(()) } else { Err(Problem::invalid(self.faults)) }
    }

    fn under<'a>(&'a self, names: &'a [&str]) -> impl Iterator<Item = &'a str> {
        self.values.iter().filter(|(name, _)| names.contains(&name.as_str())).map(|(_, value)| value.as_str())
    }
}

fn first<'a>(names: &[&'a str]) -> &'a str {
    names.first().copied().unwrap_or_default()
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use domain::job::Status;

    use super::*;

    #[test]
    fn reads_each_kind() {
        let mut query =
            Query::parse("status=failed,RUNNING&status=pending&limit=7&search=a%20b&type=&run=TRUE&x=1");
        let status = query.list(&["status"], str::parse::<Status>);
        assert_eq!(status, [Status::Failed, Status::Running, Status::Pending]);
        assert_eq!(query.number(&["limit"], 1..=100), Some(7));
        assert_eq!(query.text(&["search"]).as_deref(), Some("a b"));
        assert_eq!(query.text(&["type"]), None);
        assert_eq!(query.flag(&["run"]), Some(true));
        assert!(query.finish().is_ok());
    }

    #[test]
    fn names_each_parameter_that_cannot_be_taken() {
        let mut query = Query::parse("limit=-1&page=1&page=2&status=odd&run=7&jobId=a&id=a");
        assert_eq!(query.number(&["limit"], 1..=100), None);
        query.number(&["page"], 0..=u64::MAX);
        query.list(&["status"], str::parse::<Status>);
        query.flag(&["run"]);
        assert_eq!(query.text(&["jobId", "id"]).as_deref(), Some("a"));
        let problem = query.finish().unwrap_err();
        let places: Vec<_> = problem.faults().iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(places, ["limit", "page", "status", "run"]);
        assert!(problem.detail().starts_with("limit: must be a whole number from 1 to 100"));
    }
}
