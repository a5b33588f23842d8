//! Registers metrics, notes them for their reference page, and brings the series into being that are known beforehand.

use prometheus::core::{Collector, MetricVec, MetricVecBuilder};
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// Seconds, from 50 us to 10 s: a send takes a fraction of a millisecond, a login 20.
pub(super) const SECONDS: [f64; 16] =
    [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// A label, and the values that it can have. None are named if they are many, or known to somebody else: their series come into
/// being with their first event.
pub(super) type Label = (&'static str, &'static [&'static str]);

/// A metric, as the reference page tells of it.
#[derive(Debug, Clone)]
pub(super) struct Noted {
    pub(super) name: String,
    pub(super) help: String,
    /// What Prometheus calls its type.
    pub(super) kind: &'static str,
    pub(super) labels: Vec<Label>,
}

/// Where metrics are registered.
pub(super) struct Registrar {
    registry: Registry,
    noted: Vec<Noted>,
}

impl Registrar {
    /// One without any.
    pub(super) fn new() -> Self {
        Self { registry: Registry::new(), noted: Vec::new() }
    }

    /// The registry.
    pub(super) fn registry(&self) -> Registry {
        self.registry.clone()
    }

    /// What is in it, in the order in which it was registered.
    pub(super) fn noted(&self) -> Vec<Noted> {
        self.noted.clone()
    }

    /// A count of events.
    pub(super) fn counter(&mut self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        self.add("counter", &[], IntCounter::new(name, help)?)
    }

    /// Counts of events by labels. If all values of its labels are known, they begin at 0: the rate of a series that comes into being
    /// with its first event lacks that one.
    pub(super) fn counters(&mut self, name: &str, help: &str, labels: &[Label]) -> prometheus::Result<IntCounterVec> {
        let vec = IntCounterVec::new(Opts::new(name, help), &names(labels))?;
        begin(&vec, labels)?;
        self.add("counter", labels, vec)
    }

    /// A number that goes up and down.
    pub(super) fn gauge(&mut self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        self.add("gauge", &[], IntGauge::new(name, help)?)
    }

    /// The number 1, for the sake of a label that never changes.
    pub(super) fn info(&mut self, name: &str, help: &str, label: (&'static str, &str)) -> prometheus::Result<()> {
        let gauge = IntGauge::with_opts(Opts::new(name, help).const_label(label.0, label.1))?;
        self.add("gauge", &[(label.0, &[])], gauge).map(|gauge| gauge.set(1))
    }

    /// How sizes are spread over these bounds.
    pub(super) fn sizes(&mut self, name: &str, help: &str, bounds: &[f64]) -> prometheus::Result<Histogram> {
        self.add("histogram", &[], Histogram::with_opts(HistogramOpts::new(name, help).buckets(bounds.to_vec()))?)
    }

    /// How times are spread.
    pub(super) fn duration(&mut self, name: &str, help: &str) -> prometheus::Result<Histogram> {
        self.sizes(name, help, &SECONDS)
    }

    /// How times are spread, by labels, which begin as those of [`Self::counters`] do.
    pub(super) fn durations(&mut self, name: &str, help: &str, labels: &[Label]) -> prometheus::Result<HistogramVec> {
        let vec = HistogramVec::new(HistogramOpts::new(name, help).buckets(SECONDS.to_vec()), &names(labels))?;
        begin(&vec, labels)?;
        self.add("histogram", labels, vec)
    }

    /// The memory, CPU and descriptors of this process, as all clients of Prometheus name them.
    #[cfg(target_os = "linux")]
    pub(super) fn process(&mut self) -> prometheus::Result<()> {
        let process = prometheus::process_collector::ProcessCollector::for_self();
        for metric in process.desc() {
            let kind = if metric.fq_name.ends_with("_total") { "counter" } else { "gauge" };
            let (name, help) = (metric.fq_name.clone(), metric.help.trim_end_matches('.').to_owned());
            self.noted.push(Noted { name, help, kind, labels: Vec::new() });
        }
        self.registry.register(Box::new(process))
    }

    fn add<M>(&mut self, kind: &'static str, labels: &[Label], metric: M) -> prometheus::Result<M>
    where
        M: Collector + Clone + 'static,
    {
        for one in metric.desc() {
            let (name, help) = (one.fq_name.clone(), one.help.clone());
            self.noted.push(Noted { name, help, kind, labels: labels.to_vec() });
        }
        self.registry.register(Box::new(metric.clone()))?;
        Ok(metric)
    }
}

fn names(labels: &[Label]) -> Vec<&'static str> {
    labels.iter().map(|(name, _)| *name).collect()
}

/// Brings the series of all values of the labels into being, if all are known.
fn begin<T: MetricVecBuilder>(vec: &MetricVec<T>, labels: &[Label]) -> prometheus::Result<()> {
    let mut series: Vec<Vec<&str>> = vec![Vec::new()];
    for (_, values) in labels {
        let longer = |before: &Vec<&'static str>| {
            let before = before.clone();
            values.iter().map(move |value| before.iter().copied().chain([*value]).collect())
        };
        series = series.iter().flat_map(longer).collect();
    }
    for values in series {
        vec.get_metric_with_label_values(&values)?;
    }
    Ok(())
}
