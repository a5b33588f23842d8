//! Rows that the writer read or wrote lately. It alone changes rows, so what it knows of one is what is stored.
//!
//! Two generations bound the memory: what is used moves into the young one, and when that is full the old one is forgotten.

use std::cell::RefCell;
use std::collections::HashMap;

use fjall::Slice;

use super::keys::{Key, Table};

/// What one generation may take.
const GENERATION_BYTES: usize = 4 << 20;

/// What a row costs besides its key and itself.
const OVERHEAD_BYTES: usize = 96;

#[derive(Default)]
struct Generations {
    young: HashMap<Key, Slice>,
    old: HashMap<Key, Slice>,
    young_bytes: usize,
}

/// The rows that each send of the same people reads again. Those of messages and of their ids are read once in a lifetime.
#[derive(Default)]
pub(super) struct Hot(RefCell<Generations>);

impl Hot {
    fn keeps(table: Table) -> bool {
        matches!(table, Table::Sessions | Table::Groups | Table::Members | Table::Conversations | Table::Heads)
    }

    /// The row at `key`, if it is known.
    pub(super) fn get(&self, key: &Key) -> Option<Slice> {
        if !Self::keeps(key.table) {
            return None;
        }
        let mut generations = self.0.borrow_mut();
        if let Some(row) = generations.young.get(key) {
            return Some(row.clone());
        }
        let (key, row) = generations.old.remove_entry(key)?;
        generations.keep(key, row.clone());
        Some(row)
    }

    /// Takes in what is stored at `key`.
    pub(super) fn put(&self, key: &Key, row: Option<&Slice>) {
        if !Self::keeps(key.table) {
            return;
        }
        let mut generations = self.0.borrow_mut();
        match (row, generations.young.get_mut(key)) {
            (Some(row), Some(known)) => {
                let before = std::mem::replace(known, row.clone());
                generations.young_bytes = generations.young_bytes + row.len() - before.len();
            }
            (Some(row), None) => {
                generations.old.remove(key);
                generations.keep(key.clone(), row.clone());
            }
            (None, _) => {
                generations.old.remove(key);
                let gone = generations.young.remove(key);
                generations.young_bytes -= gone.map_or(0, |row| size(key, &row));
            }
        }
    }

    /// Forgets everything: what is stored may be something else now.
    pub(super) fn clear(&self) {
        *self.0.borrow_mut() = Generations::default();
    }
}

impl Generations {
    fn keep(&mut self, key: Key, row: Slice) {
        let bytes = size(&key, &row);
        if self.young_bytes + bytes > GENERATION_BYTES {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        self.young.insert(key, row);
    }
}

fn size(key: &Key, row: &Slice) -> usize {
    key.bytes.len() + row.len() + OVERHEAD_BYTES
}

#[cfg(test)]
mod tests {
    use super::super::keys;
    use super::*;
    use crate::model::UserId;

    fn head(number: usize) -> Key {
        let [a, b] = ["a".to_owned(), format!("b{number}")].map(|id| UserId::parse(&id).expect("an id"));
        keys::head(&crate::model::ConversationId::single(&a, &b))
    }

    fn row(bytes: usize) -> Slice {
        vec![0; bytes].into()
    }

    #[test]
    fn what_was_written_last_is_known_until_it_is_removed() {
        let hot = Hot::default();
        hot.put(&head(1), Some(&row(1)));
        hot.put(&head(1), Some(&row(2)));
        assert_eq!(hot.get(&head(1)).map(|row| row.len()), Some(2));
        hot.put(&head(1), None);
        assert_eq!(hot.get(&head(1)), None);
        hot.put(&head(2), Some(&row(1)));
        hot.clear();
        assert_eq!(hot.get(&head(2)), None);
    }

    #[test]
    fn what_is_used_stays_and_the_rest_is_forgotten() {
        let hot = Hot::default();
        hot.put(&head(0), Some(&row(1)));
        hot.put(&head(1), Some(&row(1)));
        let (large, mut written) = (row(10_000), 0);
        for number in 2..2_000 {
            hot.put(&head(number), Some(&large));
            written += large.len();
            assert!(hot.get(&head(0)).is_some(), "after {written} bytes");
        }
        assert_eq!(hot.get(&head(1)), None);
        let generations = hot.0.borrow();
        let young: usize = generations.young.iter().map(|(key, row)| size(key, row)).sum();
        assert_eq!(generations.young_bytes, young);
        assert!((generations.young.len() + generations.old.len()) * large.len() <= 2 * GENERATION_BYTES + large.len());
    }

    #[test]
    fn messages_are_not_kept() {
        let hot = Hot::default();
        let key = Key { table: Table::MessageIds, bytes: vec![1] };
        hot.put(&key, Some(&row(1)));
        assert_eq!(hot.get(&key), None);
    }
}
