//! The sentences that `verify` is made of: many scripts, emoji, invisible characters, code, JSON in text.

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// One JSON object a line. What cannot be seen is written as an escape.
const SENTENCES: &str = include_str!("../../corpus/sentences.jsonl");

/// A sentence and what it is written in.
#[derive(Deserialize)]
pub(super) struct Sentence {
    #[cfg_attr(not(test), expect(dead_code, reason = "for the reader of the file and the test"))]
    script: String,
    pub(super) text: String,
}

/// All of them, in the order of the file.
pub(super) fn sentences() -> Result<Vec<Sentence>> {
    let lines = SENTENCES.lines().enumerate();
    let sentences =
        lines.map(|(index, line)| serde_json::from_str(line).with_context(|| format!("line {} of the corpus", index + 1)));
    sentences.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_corpus_has_many_scripts_and_nothing_empty() {
        let sentences = sentences().expect("valid");
        assert!(sentences.iter().all(|sentence| !sentence.text.is_empty()));
        let scripts: BTreeSet<&str> = sentences.iter().map(|s| s.script.as_str()).collect();
        for script in [
            "Chinese",
            "Japanese",
            "Korean",
            "Arabic",
            "Hebrew",
            "Devanagari",
            "Thai",
            "Cyrillic",
            "Greek",
            "Emoji",
            "Combining",
            "Code",
            "JSON",
        ] {
            assert!(scripts.contains(script), "{script} is missing");
        }
    }

    #[test]
    fn invisible_characters_are_there() {
        let all: String = sentences().expect("valid").into_iter().map(|s| s.text).collect();
        for wanted in ['\u{200d}', '\u{200f}', '\u{202b}', '\u{0301}', '\u{fe0f}', '\0', '\u{10ffff}'] {
            assert!(all.contains(wanted), "{wanted:?} is missing");
        }
    }
}
