//! The files of `schema/`, as they are in this binary.

use std::fmt::Write;
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// In order; the first is version 1.
const TEXTS: [&str; 1] = [include_str!("../../../../schema/0001_first.cql")];

/// A file of the schema.
#[derive(Debug)]
pub(super) struct File {
    /// Its number, from 1.
    pub(super) version: i32,
    /// The oldest version whose program can read what this one leaves.
    pub(super) readable_by: i32,
    /// What it does. Each statement may run again.
    pub(super) statements: Vec<String>,
    /// Of the statements: a file must not change once it was applied, but for its comments.
    pub(super) hash: String,
}

/// All files, in order.
pub(super) fn all() -> &'static [File] {
    static FILES: LazyLock<Vec<File>> =
        LazyLock::new(|| TEXTS.iter().zip(1..).map(|(text, version)| File::read(version, text)).collect());
    &FILES
}

impl File {
    fn read(version: i32, text: &str) -> Self {
        let head = text.lines().next().and_then(|line| line.strip_prefix("-- readable-by: "));
        // A file without a head can be read by nothing older, which is the careful answer.
        let readable_by = head.and_then(|number| number.trim().parse().ok()).unwrap_or(version);
        let statements = statements(text);
        let mut hash = String::new();
        for byte in Sha256::digest(statements.join(";\n")) {
            // Writing to a string cannot fail.
            let _ = write!(hash, "{byte:02x}");
        }
        Self { version, readable_by, statements, hash }
    }
}

/// The statements of a text, which end with a `;` at the end of a line, without comments, indents and empty lines.
fn statements(text: &str) -> Vec<String> {
    let (mut found, mut open) = (Vec::new(), String::new());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("--")) {
        if !open.is_empty() {
            open.push('\n');
        }
        open.push_str(line.trim_end_matches(';'));
        if line.ends_with(';') {
            found.push(std::mem::take(&mut open));
        }
    }
    found.extend(Some(open).filter(|rest| !rest.is_empty()));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_a_head_and_statements_that_may_run_again() {
        for (file, text) in all().iter().zip(TEXTS) {
            assert!(text.starts_with("-- readable-by: "), "{} has no head", file.version);
            assert!((1..=file.version).contains(&file.readable_by), "{} is readable by {}", file.version, file.readable_by);
            assert!(!file.statements.is_empty());
            for statement in &file.statements {
                assert!(statement.contains(" IF NOT EXISTS "), "{statement}");
            }
        }
    }

    #[test]
    fn statements_end_at_the_ends_of_lines_and_comments_do_not_count() {
        let text = "-- readable-by: 1\nCREATE a (\n    -- of b\n    b text\n);\n\nALTER c;\n";
        assert_eq!(statements(text), ["CREATE a (\nb text\n)", "ALTER c"]);
        let other = "-- readable-by: 1\n-- more words\nCREATE a (\n  b text\n);\nALTER c;";
        assert_eq!(File::read(1, text).hash, File::read(1, other).hash);
        assert_ne!(File::read(1, text).hash, File::read(1, "ALTER c;").hash);
    }
}
