//! Reading several partitions of the `list` index as one ordered list.
//!
//! A filter on status and priority is a union of partitions ("cells"), each ordered by id. They are merged by
//! id, a chunk of each at a time, so that a page costs the same however many rows there are.

use std::collections::VecDeque;

use aws_sdk_dynamodb::types::{AttributeValue, Select};
use domain::filter::Order;
use futures::future::try_join_all;

use crate::schema::LIST_INDEX;
use crate::{Item, Store, StoreError, keys};

/// How many rows one request may read where rows must be read to know that they match.
pub(crate) const ROWS_A_REQUEST: usize = 2_000;
/// The smallest chunk of a cell.
const SMALLEST_CHUNK: usize = 4;

/// What to read.
pub(crate) struct Union {
    /// The partitions.
    pub(crate) cells: Vec<String>,
    /// The order of ids.
    pub(crate) order: Order,
    /// Only rows beyond this id.
    pub(crate) after: Option<String>,
    /// With the newest first: only rows from this id on.
    pub(crate) floor: Option<String>,
    /// Only rows that match.
    pub(crate) matching: Option<Matching>,
}

/// A condition on rows that the key cannot express.
#[derive(Default)]
pub(crate) struct Matching {
    pub(crate) expression: String,
    pub(crate) names: Vec<(String, String)>,
    pub(crate) values: Vec<(String, AttributeValue)>,
}

impl Matching {
    /// Demands this too, of an attribute under a stand-in for its name.
    pub(crate) fn add(&mut self, part: &str, name: (&str, &str), value: (&str, AttributeValue)) {
        self.require(part);
        self.names.push((name.0.to_owned(), name.1.to_owned()));
        self.values.push((value.0.to_owned(), value.1));
    }

    /// Demands that the attribute has one of these values; nothing if there are none.
    pub(crate) fn any_of<'a>(&mut self, attribute: &str, values: impl Iterator<Item = &'a str>) {
        let values: Vec<_> = values.enumerate().map(|(n, text)| (format!(":{attribute}{n}"), text)).collect();
        if values.is_empty() {
            return;
        }
        let places: Vec<_> = values.iter().map(|(place, _)| place.as_str()).collect();
        self.require(&format!("#{attribute} IN ({})", places.join(", ")));
        self.names.push((format!("#{attribute}"), attribute.to_owned()));
        self.values.extend(values.into_iter().map(|(place, text)| (place, keys::text(text))));
    }

    fn require(&mut self, part: &str) {
        if !self.expression.is_empty() {
            self.expression.push_str(" AND ");
        }
        self.expression.push_str(part);
    }
}

/// Rows in order, and where to go on if there may be more.
pub(crate) struct Rows {
    pub(crate) rows: Vec<Item>,
    pub(crate) next: Option<String>,
}

struct Cell {
    pk: String,
    rows: VecDeque<(String, Item)>,
    /// The last id that was looked at.
    reached: Option<String>,
    done: bool,
    chunk: usize,
}

impl Store {
    /// Up to `limit` rows after the first `skip`.
    pub(crate) async fn union(&self, union: &Union, skip: usize, limit: usize) -> Result<Rows, StoreError> {
        // One row more than wanted tells whether there is a next page.
        let wanted = skip + limit + 1;
        // An even share of each cell and some more: usually one round of reads fills the page.
        let share = wanted / union.cells.len().max(1) + wanted.isqrt();
        let chunk = share.clamp(SMALLEST_CHUNK, wanted.max(SMALLEST_CHUNK));
        let mut cells: Vec<Cell> = union
            .cells
            .iter()
            .map(|pk| Cell {
                pk: pk.clone(),
                rows: VecDeque::new(),
                reached: union.after.clone(),
                done: false,
                chunk,
            })
            .collect();
        let mut budget = if union.matching.is_some() { ROWS_A_REQUEST } else { usize::MAX };
        let mut merged: Vec<(String, Item)> = Vec::new();
        loop {
            let hungry: Vec<usize> =
                (0..cells.len()).filter(|i| cells[*i].rows.is_empty() && !cells[*i].done).collect();
            if budget == 0 && !hungry.is_empty() {
                return Ok(stopped(union, cells, &hungry, merged, skip, limit));
            }
            if union.matching.is_none() {
                // No cell can be asked for more than is missing.
                hungry.iter().for_each(|i| cells[*i].chunk = cells[*i].chunk.min(wanted - merged.len()));
            }
            let reads = hungry.iter().map(|i| self.chunk(union, &cells[*i]));
            for (i, read) in hungry.iter().zip(try_join_all(reads).await?) {
                budget = budget.saturating_sub(read.looked_at);
                let cell = &mut cells[*i];
                cell.done = read.done;
                cell.reached = read.reached.or(cell.reached.take());
                cell.rows = read.rows;
                cell.chunk = (cell.chunk * 2).min(wanted.max(1_000));
            }
            while merged.len() < wanted {
                let best = best(union.order, &cells);
                if cells.iter().any(|cell| cell.rows.is_empty() && !cell.done) {
                    break;
                }
                let Some(row) = best.and_then(|i| cells[i].rows.pop_front()) else {
                    return Ok(finished(merged, skip, limit));
                };
                // A job that moved between cells while they were read stands in both for a moment.
                if merged.last().is_none_or(|last| last.0 != row.0) {
                    merged.push(row);
                }
            }
            if merged.len() >= wanted {
                return Ok(finished(merged, skip, limit));
            }
        }
    }

    /// How many rows there are, up to a bound; the second value tells whether that is all of them.
    pub(crate) async fn count_union(&self, union: &Union, bound: usize) -> Result<(usize, bool), StoreError> {
        let counts = union.cells.iter().map(|pk| self.count_cell(union, pk, bound));
        let counts = try_join_all(counts).await?;
        let sum: usize = counts.iter().map(|(count, _)| count).sum();
        Ok((sum.min(bound), sum <= bound && counts.iter().all(|(_, exact)| *exact)))
    }

    async fn count_cell(&self, union: &Union, pk: &str, bound: usize) -> Result<(usize, bool), StoreError> {
        let (mut count, mut looked_at, mut start) = (0, 0, None);
        loop {
            let mut query = self
                .client
                .query()
                .table_name(self.table())
                .index_name(LIST_INDEX)
                .select(Select::Count)
                .key_condition_expression("listPk = :cell")
                .expression_attribute_values(":cell", keys::text(pk))
                .limit(i32::try_from(bound + 1 - looked_at.min(bound)).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start.take());
            if let Some(matching) = &union.matching {
                query = query.filter_expression(&matching.expression);
                for (name, attribute) in &matching.names {
                    query = query.expression_attribute_names(name, attribute);
                }
                for (name, value) in &matching.values {
                    query = query.expression_attribute_values(name, value.clone());
                }
            }
            let page = query.send().await.map_err(StoreError::sdk)?;
            count += usize::try_from(page.count).unwrap_or(0);
            looked_at += usize::try_from(page.scanned_count).unwrap_or(0);
            match page.last_evaluated_key {
                None => return Ok((count, true)),
                Some(_) if looked_at > bound => return Ok((count, false)),
                Some(key) => start = Some(key),
            }
        }
    }

    async fn chunk(&self, union: &Union, cell: &Cell) -> Result<Chunk, StoreError> {
        let newest_first = union.order == Order::NewestFirst;
        let mut query = self
            .client
            .query()
            .table_name(self.table())
            .index_name(LIST_INDEX)
            .expression_attribute_values(":cell", keys::text(&cell.pk))
            .scan_index_forward(!newest_first)
            .limit(i32::try_from(cell.chunk).unwrap_or(i32::MAX));
        query = match (&cell.reached, newest_first) {
            (None, _) => query.key_condition_expression("listPk = :cell"),
            (Some(reached), true) => query
                .key_condition_expression("listPk = :cell AND listSk < :reached")
                .expression_attribute_values(":reached", keys::text(reached)),
            (Some(reached), false) => query
                .key_condition_expression("listPk = :cell AND listSk > :reached")
                .expression_attribute_values(":reached", keys::text(reached)),
        };
        if let Some(matching) = &union.matching {
            query = query.filter_expression(&matching.expression);
            for (name, attribute) in &matching.names {
                query = query.expression_attribute_names(name, attribute);
            }
            for (name, value) in &matching.values {
                query = query.expression_attribute_values(name, value.clone());
            }
        }
        let page = query.send().await.map_err(StoreError::sdk)?;
        let mut rows: VecDeque<_> = page.items.unwrap_or_default().into_iter().filter_map(with_id).collect();
        let reached = match &page.last_evaluated_key {
            Some(key) => key.get("listSk").and_then(|sk| sk.as_s().ok()).cloned(),
            None => rows.back().map(|(id, _)| id.clone()),
        };
        let floor = union.floor.as_ref();
        let at_floor = floor.is_some_and(|floor| reached.as_ref().is_some_and(|reached| reached < floor));
        rows.retain(|(id, _)| floor.is_none_or(|floor| id >= floor));
        Ok(Chunk {
            rows,
            reached,
            done: page.last_evaluated_key.is_none() || at_floor,
            looked_at: usize::try_from(page.scanned_count).unwrap_or(0),
        })
    }
}

struct Chunk {
    rows: VecDeque<(String, Item)>,
    reached: Option<String>,
    done: bool,
    looked_at: usize,
}

fn with_id(item: Item) -> Option<(String, Item)> {
    let id = item.get("listSk")?.as_s().ok()?.clone();
    Some((id, item))
}

/// Which cell has the row that comes next.
fn best(order: Order, cells: &[Cell]) -> Option<usize> {
    let heads = cells.iter().enumerate().filter_map(|(i, cell)| Some((&cell.rows.front()?.0, i)));
    match order {
        Order::NewestFirst => heads.max_by_key(|(id, _)| *id),
        Order::OldestFirst => heads.min_by_key(|(id, _)| *id),
    }
    .map(|(_, i)| i)
}

/// The page of a request that got as far as it should.
fn finished(merged: Vec<(String, Item)>, skip: usize, limit: usize) -> Rows {
    let more = merged.len() > skip + limit;
    let page: Vec<_> = merged.into_iter().skip(skip).take(limit).collect();
    let next = page.last().filter(|_| more).map(|(id, _)| id.clone());
    Rows { rows: page.into_iter().map(|(_, row)| row).collect(), next }
}

/// The page of a request that has read as many rows as it may: whatever lies before the point that every cell
/// has reached is known, and the next request goes on from there.
fn stopped(
    union: &Union,
    mut cells: Vec<Cell>,
    hungry: &[usize],
    mut merged: Vec<(String, Item)>,
    skip: usize,
    limit: usize,
) -> Rows {
    let reached = hungry.iter().filter_map(|i| cells[*i].reached.clone());
    let next = match union.order {
        Order::NewestFirst => reached.max(),
        Order::OldestFirst => reached.min(),
    };
    let known = |id: &String| match union.order {
        Order::NewestFirst => next.as_ref().is_some_and(|next| id >= next),
        Order::OldestFirst => next.as_ref().is_some_and(|next| id <= next),
    };
    while merged.len() <= skip + limit {
        let row = best(union.order, &cells).and_then(|i| cells[i].rows.pop_front());
        let Some(row) = row.filter(|row| known(&row.0)) else {
            return Rows { rows: merged.into_iter().skip(skip).map(|(_, row)| row).collect(), next };
        };
        if merged.last().is_none_or(|last| last.0 != row.0) {
            merged.push(row);
        }
    }
    finished(merged, skip, limit)
}
