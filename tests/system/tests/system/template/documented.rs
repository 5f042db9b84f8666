//! docs/CONFIGURATION.md against the template and the functions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{FUNCTIONS, Template, text};

/// What the library around the HTTP functions reads: nobody sets it.
const NOT_OURS: &str = "AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH";

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/CONFIGURATION.md");
    std::fs::read_to_string(path).unwrap()
}

/// Empty, it means a random secret, and the page says so in a sentence.
const MADE: &str = "WebhookSecret";

/// What stands between back quotes.
fn names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Each variable of the tables that say who reads it, and who does.
fn readers(page: &str) -> BTreeMap<String, BTreeSet<String>> {
    let all: BTreeSet<_> = FUNCTIONS.iter().map(|function| function.name.to_lowercase()).collect();
    let (mut found, mut column) = (BTreeMap::new(), None);
    for line in page.lines() {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        if cells.len() < 3 {
            column = None;
        } else if let Some(place) = cells.iter().position(|cell| *cell == "read by") {
            column = Some(place);
        } else if let Some(place) = column {
            let by: BTreeSet<_> = cells[place].split(", ").map(str::to_owned).collect();
            let by = if by == ["all".to_owned()].into() { all.clone() } else { by };
            // A second name is an older one of the same variable.
            let cell = cells[1].split(", or ").next().unwrap();
            found.extend(names(cell).map(|name| (name.to_owned(), by.clone())));
        }
    }
    found
}

#[test]
fn every_variable_is_told_of_with_the_functions_that_read_it() {
    let template = Template::read();
    let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for function in &FUNCTIONS {
        let given = template.variables(function).into_keys().filter(|name| name != NOT_OURS);
        for name in given.chain(function.variables.iter().map(ToString::to_string)) {
            wanted.entry(name).or_default().insert(function.name.to_lowercase());
        }
    }
    assert_eq!(readers(&page()), wanted);
}

#[test]
fn every_parameter_is_told_of_with_its_default() {
    let (template, page) = (Template::read(), page());
    for (name, parameter) in template.0["Parameters"].as_mapping().unwrap() {
        let name = text(name);
        if name == MADE {
            assert!(page.contains(&format!("`{MADE}`")));
            continue;
        }
        let row = page.lines().find(|line| line.starts_with('|') && names(line).any(|one| one == name));
        let row = row.unwrap_or_else(|| panic!("{name} is not told of"));
        let default = &parameter["Default"];
        let default = default.as_str().map_or_else(|| default.as_u64().unwrap().to_string(), str::to_owned);
        let default = if default.is_empty() { "none".to_owned() } else { default };
        let told = row.split('|').any(|cell| {
            cell.split(", ").any(|one| one.trim().trim_matches('`') == default)
                || cell.contains(&format!("`{default}`"))
        });
        assert!(told, "{name}: {default}");
    }
}
