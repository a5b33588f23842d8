//! What queries of Prometheus ask for: read from the dashboard, the alerts and the values of the autoscaler.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// Words that are no metrics.
const OPERATORS: [&str; 5] = ["and", "or", "unless", "offset", "bool"];

/// Words before a list of labels.
const GROUPINGS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// Series that a query asks for: all that have any of the names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Selector {
    pub(super) names: Vec<String>,
    pub(super) matchers: Vec<Matcher>,
}

/// A label's name, its operator and its value.
pub(super) type Matcher = (String, String, String);

/// A query, and who asks it.
pub(super) struct Query {
    /// Of which panel or alert it is.
    pub(super) of: String,
    pub(super) selectors: Vec<Selector>,
    /// Labels that it groups by, or that are spoken of beside it.
    pub(super) labels: BTreeSet<String>,
    /// The series that it makes, if it is a rule that makes some.
    pub(super) records: Option<String>,
}

impl Query {
    /// Reads a query. `beside` is what is said of its result, with labels in it.
    pub(super) fn new(of: &str, text: &str, beside: &str) -> Query {
        let mut query = Query { of: of.to_owned(), selectors: Vec::new(), labels: BTreeSet::new(), records: None };
        query.read(&tokens(text));
        // `{{label}}` of a legend, `{{ $labels.label }}` of an alert.
        for part in beside.split("{{").skip(1) {
            let inside = part.split("}}").next().unwrap_or_default().trim();
            let label = inside.strip_prefix("$labels.").unwrap_or(inside).split([' ', '|']).next().unwrap_or_default();
            if !label.starts_with('$') {
                query.labels.insert(label.to_owned());
            }
        }
        query
    }

    fn read(&mut self, tokens: &[String]) {
        let mut at = 0;
        let is = |at: usize, text: &str| tokens.get(at).is_some_and(|token| token == text);
        let is_grouping = |at: usize| tokens.get(at).is_some_and(|token| GROUPINGS.contains(&token.as_str()));
        while let Some(token) = tokens.get(at) {
            at += 1;
            let is_word = token.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
            // Of aggregations and functions, labels or arguments follow.
            let named = is_word && !OPERATORS.contains(&token.as_str()) && !is(at, "(") && !is_grouping(at);
            if is_grouping(at - 1) && is(at, "(") {
                let list = tokens[at + 1..].iter().take_while(|token| *token != ")");
                self.labels.extend(list.filter(|token| *token != ",").cloned());
                at += tokens[at..].iter().position(|token| token == ")").expect("the end of the labels");
            } else if token == "{" || named && is(at, "{") {
                let open = if token == "{" { at } else { at + 1 };
                let close = open + tokens[open..].iter().position(|token| token == "}").expect("the end of the matchers");
                let name = (token != "{").then_some(token);
                self.selectors.push(selector(name, &tokens[open..close]));
                at = close + 1;
            } else if named {
                self.selectors.push(selector(Some(token), &[]));
            }
        }
    }
}

fn selector(name: Option<&String>, tokens: &[String]) -> Selector {
    let mut names: Vec<String> = name.into_iter().cloned().collect();
    let mut matchers = Vec::new();
    for matcher in tokens.split(|token| token == ",").filter(|matcher| !matcher.is_empty()) {
        let [label, operator, value] = matcher else { panic!("no matcher: {matcher:?}") };
        let value = value.trim_matches('"').to_owned();
        if label == "__name__" {
            names.extend(value.split('|').map(str::to_owned));
        } else {
            matchers.push((label.clone(), operator.clone(), value));
        }
    }
    Selector { names, matchers }
}

/// Names, strings, operators and brackets of a query; numbers, times and ranges are left out.
fn tokens(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_:.".contains(c);
        let length = match first {
            '"' => 2 + rest[1..].find('"').expect("the end of a string"),
            '[' => 1 + rest.find(']').expect("the end of a range"),
            '=' | '!' | '>' | '<' => rest.find(|c: char| !"=!~<>".contains(c)).unwrap_or(rest.len()),
            first if is_name(first) => rest.find(|c| !is_name(c)).unwrap_or(rest.len()),
            first => first.len_utf8(),
        };
        let (token, behind) = rest.split_at(length);
        if first != '[' && !first.is_ascii_digit() {
            found.push(token.to_owned());
        }
        rest = behind.trim_start();
    }
    found
}

/// A file of this repository.
pub(super) fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// The queries of the dashboard's panels.
pub(super) fn dashboard() -> Vec<Query> {
    let board: Value = serde_json::from_str(&file("helm/nexo/dashboards/nexo.json")).expect("JSON");
    let panels = board["panels"].as_array().expect("panels").iter().filter(|panel| panel["type"] != "row");
    let mut found = Vec::new();
    for panel in panels {
        let title = panel["title"].as_str().expect("a title");
        for target in panel["targets"].as_array().expect("targets") {
            let words = |field: &str| target[field].as_str().unwrap_or_default();
            found.push(Query::new(title, words("expr"), words("legendFormat")));
        }
    }
    found
}

/// The queries of the alerts, and of the rules that those are made of.
pub(super) fn rules() -> Vec<Query> {
    let text = file("helm/nexo/rules/nexo.yaml");
    let mut found = Vec::new();
    let rules = text.split("      - ").filter(|rule| rule.starts_with("alert: ") || rule.starts_with("record: "));
    for rule in rules {
        let (kind, name) = rule.lines().next().and_then(|line| line.split_once(": ")).expect("a name");
        let (_, behind) = rule.split_once("        expr: ").unwrap_or_else(|| panic!("{name} has no query"));
        // One line, or the lines below that are further in.
        let below = behind.lines().skip(1).take_while(|line| line.starts_with("          "));
        let query = match behind.lines().next() {
            Some("|") => below.collect::<Vec<_>>().join("\n"),
            line => line.unwrap_or_default().to_owned(),
        };
        let records = (kind == "record").then(|| name.to_owned());
        found.push(Query { records, ..Query::new(name, &query, rule) });
    }
    assert_eq!(found.len(), text.matches("expr: ").count(), "a rule was not read");
    found
}

/// What the autoscaler is told to look at.
pub(super) fn autoscaler() -> Query {
    let values = file("helm/nexo/values.yaml");
    let name = values.lines().find_map(|line| line.trim().strip_prefix("connectionsMetric: ")).expect("a metric");
    Query::new("values.yaml: autoscaling.connectionsMetric", name, "")
}

/// Every word of these texts that looks like a metric's name.
pub(super) fn spoken_of(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("nexo_") && !word.ends_with('_')).collect()
}

#[test]
fn a_query_is_read_as_what_it_asks_for() {
    let text = r#"histogram_quantile(0.99, sum by (job, le) (rate(a_bucket{job="nexo", code!~"1|/x"}[5m]))) > 0.5 and on (namespace)
        group_left () (0.05 * n:calls:rate5m offset 10m) or {__name__=~"b|c", d="{e}"} unless up == 1"#;
    let query = Query::new("a test", text, "{{le}} {{ $labels.what }} {{ $value | humanize }}");
    let matcher = |label: &str, operator: &str, value: &str| (label.to_owned(), operator.to_owned(), value.to_owned());
    let selector = |names: &[&str], matchers: Vec<Matcher>| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Selector { names, matchers }
    };
    let expected = [
        selector(&["a_bucket"], vec![matcher("job", "=", "nexo"), matcher("code", "!~", "1|/x")]),
        selector(&["n:calls:rate5m"], vec![]),
        selector(&["b", "c"], vec![matcher("d", "=", "{e}")]),
        selector(&["up"], vec![]),
    ];
    assert_eq!(query.selectors, expected);
    assert_eq!(query.labels, ["job", "le", "namespace", "what"].map(str::to_owned).into());
}
