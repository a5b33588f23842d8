//! The library of Functions that runs in Redis.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// The library's text, with `VERSION` where its version goes.
pub const TEXT: &str = include_str!("functions.lua");

/// The names of the functions, as this release calls them.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let digest = Sha256::digest(TEXT);
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
});

/// The text to load. Its name and its functions' names carry its hash: another release's library is another library.
pub fn library() -> String {
    TEXT.replace("VERSION", &VERSION)
}

/// What the function `short` is called on the server.
pub fn function(short: &str) -> String {
    format!("{short}_{}", *VERSION)
}
