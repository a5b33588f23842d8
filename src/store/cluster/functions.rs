//! The libraries of Functions that run in Redis.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// What libraries that count by a limit have in common, and the line where it goes.
const LIMITS: (&str, &str) = ("-- include limits.lua\n", include_str!("limits.lua"));

/// The library of seqs.
pub static SEQS: LazyLock<Library> = LazyLock::new(|| Library::new(include_str!("functions.lua")));

/// The library of sessions.
pub static AUTH: LazyLock<Library> = LazyLock::new(|| Library::new(include_str!("auth.lua")));

/// The library of push logs.
pub static PUSH: LazyLock<Library> = LazyLock::new(|| Library::new(include_str!("push.lua")));

/// Every library.
pub static ALL: [&LazyLock<Library>; 3] = [&SEQS, &AUTH, &PUSH];

/// A library. Its name and its functions' names carry the hash of its text: another release's library is another library.
#[derive(Debug)]
pub struct Library {
    text: String,
    version: String,
}

impl Library {
    fn new(text: &str) -> Self {
        let text = text.replace(LIMITS.0, LIMITS.1);
        let digest = Sha256::digest(&text);
        let version: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { text: text.replace("VERSION", &version), version }
    }

    /// The text to load.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The short names of its functions.
    pub fn functions(&self) -> impl Iterator<Item = &str> {
        let end = format!("_{}'", self.version);
        self.text.lines().filter(|line| line.starts_with("redis.register_function")).filter_map(move |line| {
            let before = line.split_once(end.as_str())?.0;
            before.rsplit('\'').next()
        })
    }

    /// What the function `short` is called on the server.
    pub fn function(&self, short: &str) -> String {
        format!("{short}_{}", self.version)
    }
}

/// The text to load of the library of seqs.
pub fn library() -> String {
    SEQS.text().to_owned()
}

/// What the function `short` of seqs is called on the server.
pub fn function(short: &str) -> String {
    SEQS.function(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_know_their_functions() {
        let all: Vec<&str> = ALL.into_iter().flat_map(|library| library.functions()).collect();
        assert_eq!(
            all.len(),
            ALL.iter().map(|library| library.text().matches("redis.register_function(").count()).sum::<usize>()
        );
        for name in ["claim", "peek", "admit", "give_back", "push_append", "push_entries"] {
            assert!(all.contains(&name), "{name} is not in {all:?}");
        }
    }
}
