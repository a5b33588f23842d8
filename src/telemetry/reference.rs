//! The reference page of the metrics.

use std::fmt::Write;

use super::registrar::{Noted, SECONDS};

/// The page, in Markdown: every metric with its type, unit, labels and meaning.
pub(super) fn page(metrics: &[Noted]) -> String {
    let bounds = SECONDS.map(|bound| bound.to_string()).join(", ");
    let mut page = INTRODUCTION.replace("BOUNDS", &bounds);
    for Noted { name, help, kind, labels } in metrics {
        let labels: Vec<String> = labels.iter().map(|(label, values)| described(label, values)).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(page, "| `{name}` | {kind} | {} | {} | {help} |", unit(name), labels.join("; "));
    }
    page
}

/// What the name says of the unit, as names of Prometheus do. A count has none.
fn unit(name: &str) -> &'static str {
    let name = name.trim_end_matches("_total");
    ["seconds", "bytes"].into_iter().find(|unit| name.ends_with(unit)).unwrap_or_default()
}

fn described(label: &str, values: &[&str]) -> String {
    let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
    match values.is_empty() {
        true => format!("`{label}`"),
        false => format!("`{label}`: {}", values.join(", ")),
    }
}

const INTRODUCTION: &str = "# Metrics

<!-- Made by `nexo metrics`; change src/telemetry.rs, not this page. -->

`GET /metrics` answers with these, for Prometheus. Names and labels are part of what Nexo promises: what changes of them is in
CHANGELOG.md. The dashboard and the alerts of `helm/nexo` are made of them; [operations.md](operations.md) says which to look at first.

A histogram `name` has the series `name_bucket`, `name_sum` and `name_count`. Buckets of seconds end at
BOUNDS.

Labels whose values are listed have all their series from the start, at 0. The others:

- `route`: the route as [api.md](api.md) names it, and `none` for what is no route. Its series begin with its first request.
- `code`: a code of the API, 0 for success; of a close, the close code.
- `call`: a Function of Redis (`src/store/cluster/*.lua`) or a command. In a cluster its series are there from the start.

Both modes have all metrics. Those of the store's stages, batches and reopening are of the embedded mode, and stay at 0 in a
cluster; those of Redis, CQL and pushes between nodes are of a cluster.

| metric | type | unit | labels | what it is |
|---|---|---|---|---|
";
