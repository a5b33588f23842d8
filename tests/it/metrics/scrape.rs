//! A scrape as Prometheus reads it, and what a query asks for that is not in it.

use std::collections::{BTreeMap, BTreeSet};

use super::queries::{Query, Selector};

/// Labels that Prometheus gives to every series.
const GIVEN: [&str; 3] = ["job", "namespace", "instance"];

/// Series that Prometheus makes itself, and what is in them besides.
const OWN: [(&str, &[&str]); 2] = [("up", &[]), ("ALERTS", &["alertname", "alertstate", "severity"])];

/// The labels of one series.
type Labels = BTreeMap<String, String>;

/// What a server exposes: by the name of a series, its series.
#[derive(Default)]
pub(super) struct Scrape {
    series: BTreeMap<String, Vec<Labels>>,
    /// The metrics: a histogram is one.
    metrics: BTreeSet<String>,
}

impl Scrape {
    /// Reads the text format.
    pub(super) fn new(text: &str) -> Scrape {
        let mut scrape = Scrape::default();
        for line in text.lines() {
            if let Some(metric) = line.strip_prefix("# TYPE ") {
                scrape.metrics.extend(metric.split(' ').next().map(str::to_owned));
            } else if !line.starts_with('#') {
                let (series, _value) = line.rsplit_once(' ').expect("a value");
                let (name, labels) = series.split_once('{').unwrap_or((series, ""));
                let labels = labels.trim_end_matches('}').split("\",").filter_map(|label| label.split_once("=\""));
                let labels = labels.map(|(label, value)| (label.to_owned(), value.trim_end_matches('"').to_owned()));
                scrape.series.entry(name.to_owned()).or_default().push(labels.collect());
            }
        }
        scrape
    }

    /// Whether a metric, or a series of a histogram, has this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.series.contains_key(name) || self.metrics.contains(name)
    }

    /// The names of the metrics.
    pub(super) fn metrics(&self) -> &BTreeSet<String> {
        &self.metrics
    }

    /// Every series: its name and its labels.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Labels)> {
        self.series.iter().flat_map(|(name, all)| all.iter().map(move |labels| (name.as_str(), labels)))
    }

    /// The series of these names.
    fn of<'a>(&'a self, names: &'a [String]) -> impl Iterator<Item = &'a Labels> {
        names.iter().filter_map(|name| self.series.get(name)).flatten()
    }

    /// What the queries ask for that is not there, in sentences. What one of them makes is there for the others.
    pub(super) fn lacks(&self, queries: &[Query]) -> Vec<String> {
        let made: BTreeSet<&str> = queries.iter().filter_map(|query| query.records.as_deref()).collect();
        let foreign = |name: &str| made.contains(name) || OWN.iter().any(|(own, _)| *own == name);
        let mut lacks = Vec::new();
        for Query { of, selectors, labels, .. } in queries {
            assert!(!selectors.is_empty(), "{of} asks for nothing");
            for selector in selectors.iter().filter(|selector| !selector.names.iter().all(|name| foreign(name))) {
                lacks.extend(self.lacks_of(selector).map(|what| format!("{of}: {what}")));
            }
            let known = |label: &str| {
                GIVEN.contains(&label)
                    || OWN.iter().any(|(_, labels)| labels.contains(&label))
                    || selectors.iter().any(|selector| self.of(&selector.names).any(|labels| labels.contains_key(label)))
            };
            let unknown = labels.iter().filter(|label| !known(label));
            lacks.extend(unknown.map(|label| format!("{of}: nothing that it asks for has a label {label}")));
        }
        lacks
    }

    fn lacks_of<'a>(&'a self, Selector { names, matchers }: &'a Selector) -> impl Iterator<Item = String> + 'a {
        let without = names.iter().filter(|name| !self.series.contains_key(*name)).map(|name| format!("there is no {name}"));
        let labels = matchers.iter().filter(|(label, ..)| !GIVEN.contains(&label.as_str()));
        let unlike = labels.filter(|(label, operator, value)| {
            let fits = |labels: &Labels| labels.get(label).is_some_and(|found| operator != "=" || found == value);
            !self.of(names).any(fits)
        });
        without.chain(unlike.map(move |(label, operator, value)| format!("no {names:?} has {label}{operator}{value:?}")))
    }
}

#[test]
fn what_is_not_there_is_missed() {
    let scrape =
        Scrape::new("# HELP a_total x\n# TYPE a_total counter\na_total{code=\"0\",le=\"+Inf\"} 7\n# TYPE b gauge\nb 1\n");
    let lacks = |text: &str| scrape.lacks(&[Query::new("it", text, "")]);
    for good in ["rate(a_total{code=\"0\", job=\"nexo\"}[5m])", "sum by (le, job) (a_total)", "b", "up == 0"] {
        assert_eq!(lacks(good), [""; 0], "{good}");
    }
    for bad in
        ["a_totl", "a_total{cod=\"0\"}", "a_total{code=\"1\"}", "sum by (op) (a_total)", "{__name__=~\"a_total|c\"}", "n:b"]
    {
        assert_eq!(lacks(bad).len(), 1, "{bad}: {:?}", lacks(bad));
    }
}
