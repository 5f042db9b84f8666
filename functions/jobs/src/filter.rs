//! What a request asks a list for.

use std::str::FromStr;

use domain::filter::{JobFilter, Order};
use domain::id::{JobId, UserId};
use domain::job::{Priority, Status};
use edge::{Answer, Problem, Query, cursor};
use serde::Serialize;

const DEFAULT_LIMIT: usize = 20;
/// How many jobs one request may name by id.
const MOST_IDS: usize = 100;
/// How deep a page may lie that is found by counting.
pub(crate) const DEEPEST: usize = 10_000;
/// How many characters a search text may have: of a payload no more bytes are looked at.
const LONGEST_SEARCH: usize = 512;

/// A list that was asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) filter: JobFilter,
    pub(crate) user: Option<UserId>,
    /// Whether the jobs of all users were asked for.
    pub(crate) all: bool,
    pub(crate) ids: Option<Vec<JobId>>,
    pub(crate) limit: usize,
    pub(crate) start: Start,
    pub(crate) with_payload: bool,
}

/// Where its page begins.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// At the beginning, or where a page before ended.
    Cursor(Option<String>),
    /// Behind so many pages.
    Page(usize),
    /// Behind so many rows.
    Offset(usize),
}

impl Asked {
    /// Reads the parameters, or tells all that is wrong with them.
    pub(crate) fn read(mut query: Query) -> Answer<Self> {
        let sort = query.parsed(&["sort"], order);
        let filter = JobFilter {
            statuses: query.list(&["status"], Status::from_str),
            priorities: query.list(&["priority"], Priority::from_str),
            task_type: query.text(&["type"]).map(|text| text.to_ascii_lowercase()),
            search: query.parsed(&["search"], search),
            order: sort.unwrap_or_default(),
        };
        let limit = query.number(&["limit"], 1..=100).and_then(|limit| usize::try_from(limit).ok());
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        let all = query.parsed(&["scope"], scope).unwrap_or(false);
        let asked = Self {
            filter,
            user: query.parsed(&["userId"], UserId::from_str),
            all,
            ids: ids(&mut query),
            limit,
            start: start(&mut query, limit),
            with_payload: !query.list(&["include"], include).is_empty(),
        };
        if all {
            // All users' jobs are walked through, in no order, and not counted.
            for (name, given) in [
                ("userId", asked.user.is_some()),
                ("sort", sort.is_some()),
                ("page", matches!(asked.start, Start::Page(_))),
                ("offset", matches!(asked.start, Start::Offset(_))),
            ] {
                if given {
                    query.fault(name, "does not go with scope=all");
                }
            }
        }
        query.finish()?;
        Ok(asked)
    }

    /// How many rows stand before the page, where it is found by counting.
    pub(crate) fn skip(&self) -> Option<usize> {
        match self.start {
            Start::Cursor(_) => None,
            Start::Page(page) => Some((page - 1).saturating_mul(self.limit)),
            Start::Offset(offset) => Some(offset),
        }
    }

    /// The text that is the same for the same list, whatever page of it is asked for.
    pub(crate) fn name(&self) -> String {
        #[derive(Serialize)]
        struct Name<'a> {
            cells: Vec<(Status, Priority)>,
            task_type: Option<&'a str>,
            search: Option<&'a str>,
            oldest_first: bool,
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            all: bool,
        }
        let JobFilter { task_type, search, order, .. } = &self.filter;
        let name = Name {
            cells: self.filter.cells(),
            task_type: task_type.as_deref(),
            search: search.as_deref(),
            oldest_first: *order == Order::OldestFirst,
            all: self.all,
        };
        serde_json::to_string(&name).unwrap_or_default()
    }
}

/// The refusal of a page that lies too deep to be counted to.
pub(crate) fn too_deep(place: &str) -> Problem {
    Problem::at(place, format!("ends beyond the first {DEEPEST}; go on from page to page with cursor"))
}

fn start(query: &mut Query, limit: usize) -> Start {
    let cursor = query.text(&[cursor::PARAMETER]);
    let page = query.number(&["page"], 1..=u64::MAX);
    let offset = query.number(&["offset"], 0..=u64::MAX);
    if cursor.is_some() && (page.is_some() || offset.is_some()) {
        query.fault(cursor::PARAMETER, "tells by itself where the page begins: leave out page and offset");
    }
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    match (page, offset) {
        (Some(_), Some(_)) => {
            query.fault("offset", "says the same as page: give one of them");
            Start::Cursor(None)
        }
        (Some(page), None) => {
            if size(page).saturating_mul(limit) > DEEPEST {
                query.fault("page", too_deep("page").faults()[0].message.clone());
            }
            Start::Page(size(page))
        }
        (None, Some(offset)) => {
            if size(offset).saturating_add(limit) > DEEPEST {
                query.fault("offset", too_deep("offset").faults()[0].message.clone());
            }
            Start::Offset(size(offset))
        }
        (None, None) => Start::Cursor(cursor),
    }
}

fn ids(query: &mut Query) -> Option<Vec<JobId>> {
    let mut seen = std::collections::HashSet::new();
    let mut ids = query.list(&["ids"], JobId::from_str);
    ids.retain(|id| seen.insert(*id));
    if ids.len() > MOST_IDS {
        query.fault("ids", format!("names {} jobs; at most {MOST_IDS} are read at once", ids.len()));
    }
    (!ids.is_empty()).then_some(ids)
}

fn search(text: &str) -> Result<String, String> {
    if text.chars().count() <= LONGEST_SEARCH {
        return Ok(text.to_lowercase());
    }
    Err(format!("must have at most {LONGEST_SEARCH} characters"))
}

fn order(text: &str) -> Result<Order, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "createdat:desc" | "createdat" | "-createdat" | "desc" => Ok(Order::NewestFirst),
        "createdat:asc" | "asc" => Ok(Order::OldestFirst),
        _ => Err("must be createdAt:asc or createdAt:desc"),
    }
}

fn scope(text: &str) -> Result<bool, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "all" => Ok(true),
        "own" => Ok(false),
        _ => Err("must be own or all"),
    }
}

fn include(text: &str) -> Result<(), &'static str> {
    if text.eq_ignore_ascii_case("payload") { Ok(()) } else { Err("must be payload") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Asked {
        Asked::read(Query::parse(query)).unwrap()
    }

    fn places(query: &str) -> Vec<String> {
        let problem = Asked::read(Query::parse(query)).unwrap_err();
        problem.faults().iter().map(|fault| fault.pointer.clone()).collect()
    }

    #[test]
    fn an_empty_value_is_no_filter() {
        let all = asked("status=&priority=&search=&type=&limit=&cursor=&page=&offset=&sort=&userId=&ids=");
        assert_eq!(all.filter, JobFilter::default());
        assert_eq!((all.limit, all.start), (20, Start::Cursor(None)));
    }

    #[test]
    fn every_parameter_is_named_that_cannot_be_taken() {
        assert_eq!(
            places("status=odd&priority=urgent&sort=name&limit=-1&userId=me&ids=x&page=0&include=logs"),
            ["sort", "status", "priority", "limit", "userId", "ids", "page", "include"]
        );
        for (query, place) in [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=1e3", "limit"),
            ("page=-1", "page"),
            ("offset=-1", "offset"),
            ("offset=99999999999999999999", "offset"),
            ("page=2&offset=20", "offset"),
            ("cursor=x&page=2", "cursor"),
            ("cursor=x&offset=0", "cursor"),
            ("page=501", "page"),
            ("offset=9981", "offset"),
            ("scope=mine", "scope"),
            ("scope=all&userId=usr_018bcfe568007abcabababababababab", "userId"),
            ("scope=all&sort=desc", "sort"),
            ("scope=all&page=1", "page"),
            ("scope=ALL&offset=0", "offset"),
        ] {
            assert_eq!(places(query), [place], "{query}");
        }
        assert_eq!(places(&format!("search={}", "é".repeat(513))), ["search"]);
        assert_eq!(asked(&format!("search={}", "É".repeat(512))).filter.search, Some("é".repeat(512)));
    }

    #[test]
    fn the_depth_is_bounded_and_the_refusal_names_the_cursor() {
        assert_eq!(asked("page=500").skip(), Some(9_980));
        assert_eq!(asked("offset=9980").skip(), Some(9_980));
        let refused = Asked::read(Query::parse("page=1000000")).unwrap_err();
        assert!(refused.detail().contains("cursor"), "{}", refused.detail());
    }

    #[test]
    fn the_same_list_has_the_same_name() {
        let name = |query: &str| asked(query).name();
        assert_eq!(name("status=FAILED,running&limit=5"), name("status=in_progress&status=failed&limit=9"));
        assert_eq!(name("sort=createdAt:desc"), name(""));
        assert_eq!(name("search=ABC&type=HTTP"), name("search=abc&type=http"));
        assert_eq!(name("scope=own"), name(""));
        for other in
            ["scope=all", "status=failed", "priority=low", "search=a", "type=a", "sort=createdAt:asc"]
        {
            assert_ne!(name(other), name(""), "{other}");
        }
    }
}
