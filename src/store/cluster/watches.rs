//! What this node remembers of conversations, within bounds: all of it can be forgotten at any time.

use std::collections::HashMap;
use std::hash::Hash;

use parking_lot::Mutex;

/// Entries of one generation; two are kept.
const GENERATION: usize = 50_000;

/// A bounded map. What was not touched while so many others were is forgotten.
#[derive(Debug)]
pub(super) struct Remembered<K, V> {
    generations: Mutex<(HashMap<K, V>, HashMap<K, V>)>,
}

impl<K, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Self { generations: Mutex::new((HashMap::new(), HashMap::new())) }
    }
}

impl<K: Hash + Eq + Clone, V: Clone + Default> Remembered<K, V> {
    /// Lets `change` look at and change what is remembered of `key`.
    pub(super) fn with<T>(&self, key: &K, change: impl FnOnce(&mut V) -> T) -> T {
        change(touch(&mut self.generations.lock(), key))
    }

    /// Whether anything is remembered of `key`. To ask is no reason to remember it.
    pub(super) fn has(&self, key: &K) -> bool {
        let mut generations = self.generations.lock();
        let known = generations.0.contains_key(key) || generations.1.contains_key(key);
        if known {
            touch(&mut generations, key);
        }
        known
    }

    /// The keys of all that `change` says yes to.
    pub(super) fn with_all(&self, change: impl Fn(&mut V) -> bool) -> Vec<K> {
        let mut generations = self.generations.lock();
        let (young, old) = &mut *generations;
        let all = young.iter_mut().chain(old.iter_mut());
        all.filter_map(|(key, value)| change(value).then(|| key.clone())).collect()
    }
}

fn touch<'a, K: Hash + Eq + Clone, V: Default>((young, old): &'a mut (HashMap<K, V>, HashMap<K, V>), key: &K) -> &'a mut V {
    if young.len() >= GENERATION && !young.contains_key(key) {
        *old = std::mem::take(young);
    }
    young.entry(key.clone()).or_insert_with(|| old.remove(key).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_touched_stays_and_the_rest_is_forgotten_in_time() {
        let remembered: Remembered<usize, u32> = Remembered::default();
        for key in 0..GENERATION * 4 {
            remembered.with(&key, |value| *value = 1);
            assert_eq!(remembered.with(&0, |value| *value), 1, "after {key}");
        }
        assert!(remembered.has(&0) && !remembered.has(&1) && !remembered.has(&1));
        assert_eq!(remembered.with(&1, |value| *value), 0);
        assert!(remembered.has(&1));
        let (young, old) = &*remembered.generations.lock();
        assert!(young.len() + old.len() <= GENERATION * 2);
    }
}
