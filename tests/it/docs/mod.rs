//! The API document in English and in Chinese: equal in structure, whole, and with examples that can be done.

mod examples;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// Every code of the API, success included.
const CODES: [u16; 34] = [
    0, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 2001, 2002, 2003, 2004, 2005, 2006, 2007, 2008, 3001, 3002, 3003, 3004,
    3005, 3006, 3007, 3008, 4001, 4002, 4003, 4004, 4005, 4006, 5001, 5002, 5003, 5004,
];

/// A heading and all that stands below it, up to the next heading.
struct Section {
    depth: usize,
    title: String,
    lines: Vec<String>,
}

impl Section {
    /// The method and the path, if this section describes an endpoint.
    fn endpoint(&self) -> Option<&str> {
        let method = self.title.split(' ').next()?;
        ["GET", "POST", "PUT"].contains(&method).then_some(self.title.as_str())
    }

    /// The text of each fence of `language`, in order.
    fn fences(&self, language: &str) -> Vec<String> {
        let (mut found, mut open) = (Vec::new(), None::<(bool, String)>);
        for line in &self.lines {
            open = match (open, line.strip_prefix("```")) {
                (None, Some(tag)) => Some((tag == language, String::new())),
                (None, None) => None,
                (Some((wanted, text)), Some(_)) => {
                    found.extend(wanted.then_some(text));
                    None
                }
                (Some((wanted, text)), None) => Some((wanted, text + line + "\n")),
            };
        }
        assert!(open.is_none(), "a fence in \"{}\" is never closed", self.title);
        found
    }

    fn examples(&self) -> Vec<Value> {
        let parse = |text: String| {
            serde_json::from_str(&text)
                .unwrap_or_else(|error| panic!("an example in \"{}\" is not JSON: {error}\n{text}", self.title))
        };
        self.fences("json").into_iter().map(parse).collect()
    }

    /// What stands in backquotes outside the fences: fields, codes, paths, settings.
    fn names(&self) -> BTreeSet<&str> {
        let mut fenced = false;
        let mut names = BTreeSet::new();
        for line in &self.lines {
            let fence = line.starts_with("```");
            fenced ^= fence;
            if !fence && !fenced {
                assert!(line.matches('`').count().is_multiple_of(2), "an odd backquote: {line}");
                names.extend(line.split('`').skip(1).step_by(2));
            }
        }
        names
    }

    /// The first cells of the rows that start with a number, which no language changes.
    fn numbered_rows(&self) -> Vec<&str> {
        let rows = self.lines.iter().filter_map(|line| line.strip_prefix('|')?.split('|').next());
        rows.map(str::trim).filter(|cell| cell.parse::<u16>().is_ok()).collect()
    }

    /// How many rows its tables have, and how many items its lists.
    fn shape(&self) -> (usize, usize) {
        let is_item = |line: &&String| {
            line.starts_with("- ") || line.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(". ")
        };
        let rows = self.lines.iter().filter(|line| line.starts_with('|')).count();
        (rows, self.lines.iter().filter(is_item).count())
    }
}

/// The sections of a Markdown file; the text before the first heading is the section of depth 0.
fn sections(name: &str) -> Vec<Section> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read docs/{name}: {error}"));
    let mut found = vec![Section { depth: 0, title: String::new(), lines: Vec::new() }];
    let mut fenced = false;
    for line in text.lines() {
        fenced ^= line.starts_with("```");
        let depth = line.bytes().take_while(|byte| *byte == b'#').count();
        if !fenced && depth > 0 {
            found.push(Section { depth, title: line[depth..].trim().to_owned(), lines: Vec::new() });
        } else if let Some(section) = found.last_mut() {
            section.lines.push(line.to_owned());
        }
    }
    found
}

fn both() -> (Vec<Section>, Vec<Section>) {
    (sections("api.md"), sections("api.zh.md"))
}

/// The codes of the table under the heading `title`.
fn listed_codes(sections: &[Section], title: &str) -> Vec<u16> {
    let section = sections.iter().find(|section| section.title == title).expect("the section of the codes");
    section.numbered_rows().iter().map(|cell| cell.parse().expect("a code")).collect()
}

/// The value with every string emptied: what two languages must have in common.
fn without_text(value: &Value) -> Value {
    match value {
        Value::String(_) => Value::String(String::new()),
        Value::Array(items) => items.iter().map(without_text).collect(),
        Value::Object(fields) => fields.iter().map(|(key, field)| (key.clone(), without_text(field))).collect(),
        other => other.clone(),
    }
}

#[test]
fn both_languages_have_the_same_sections_in_the_same_order() {
    let (english, chinese) = both();
    let depths = |sections: &[Section]| sections.iter().map(|section| section.depth).collect::<Vec<_>>();
    assert_eq!(depths(&english), depths(&chinese));
    for (one, other) in english.iter().zip(&chinese) {
        assert_eq!(one.shape(), other.shape(), "rows and items of \"{}\" and \"{}\"", one.title, other.title);
    }
}

#[test]
fn both_languages_have_the_same_endpoints() {
    let (english, chinese) = both();
    let endpoints = |sections: &'_ [Section]| -> Vec<String> {
        sections.iter().filter_map(Section::endpoint).map(str::to_owned).collect()
    };
    assert_eq!(endpoints(&english), endpoints(&chinese));
    let distinct: BTreeSet<_> = endpoints(&english).into_iter().collect();
    assert_eq!(distinct.len(), endpoints(&english).len(), "an endpoint is described twice");
}

#[test]
fn both_languages_list_all_34_codes() {
    let (english, chinese) = both();
    assert_eq!(listed_codes(&english, "Codes"), CODES);
    assert_eq!(listed_codes(&chinese, "错误码"), CODES);
}

#[test]
fn both_languages_name_the_same_fields_and_codes() {
    let (english, chinese) = both();
    for (one, other) in english.iter().zip(&chinese) {
        assert_eq!(one.names(), other.names(), "names in \"{}\" and \"{}\"", one.title, other.title);
        assert_eq!(one.numbered_rows(), other.numbered_rows(), "rows of \"{}\" and \"{}\"", one.title, other.title);
    }
}

#[test]
fn every_example_parses_and_is_the_same_in_both_languages() {
    let (english, chinese) = both();
    let mut seen = 0;
    for (one, other) in english.iter().zip(&chinese) {
        let (ours, theirs) = (one.examples(), other.examples());
        assert_eq!(ours.len(), theirs.len(), "examples of \"{}\" and \"{}\"", one.title, other.title);
        for (example, translated) in ours.iter().zip(&theirs) {
            assert_eq!(without_text(example), without_text(translated), "an example of \"{}\"", one.title);
        }
        seen += ours.len();
    }
    assert!(seen > 0, "there are no examples at all");
}
