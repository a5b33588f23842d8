//! The metrics of what a node asks: Redis and the database.

use std::time::Instant;

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec};

use super::registrar::{Label, Registrar};

/// What is asked of a backend: how much, how long it takes and how often it fails.
#[derive(Debug, Clone)]
pub struct Backend {
    /// What was sent.
    pub sent: IntCounter,
    seconds: HistogramVec,
    errors: IntCounterVec,
}

/// How long one kind of question takes, and how often it fails.
#[derive(Debug, Clone)]
pub struct Timed {
    seconds: Histogram,
    errors: IntCounter,
}

impl Backend {
    pub(super) fn redis(r: &mut Registrar) -> prometheus::Result<Self> {
        const CALL: &[Label] = &[("call", &[])];
        let sent = "Commands sent to Redis, those of /ready and the readers of nodes' streams left out";
        let seconds =
            "Duration of calls of Redis, with what it takes to make them again where a slot moves or a library is missing";
        let errors = "Calls of Redis that failed";
        Ok(Self {
            sent: r.counter("nexo_redis_commands_total", sent)?,
            seconds: r.durations("nexo_redis_call_duration_seconds", seconds, CALL)?,
            errors: r.counters("nexo_redis_call_errors_total", errors, CALL)?,
        })
    }

    pub(super) fn cql(r: &mut Registrar) -> prometheus::Result<Self> {
        const KIND: &[Label] = &[("kind", &["read", "serial_read", "write", "lwt"])];
        let seconds = "Duration of CQL statements: serial_read finishes first what is being agreed on, lwt is a conditional \
                       write; a read of a large answer is timed with all its pages, each attempt of a write by itself";
        let errors = "CQL statements that failed; what became of an lwt is unknown then, and read back";
        Ok(Self {
            sent: r.counter("nexo_cql_statements_total", "Statements sent to the database; a batch is one")?,
            seconds: r.durations("nexo_cql_statement_duration_seconds", seconds, KIND)?,
            errors: r.counters("nexo_cql_statement_errors_total", errors, KIND)?,
        })
    }

    /// The series of one kind of question, which begin now if they are not there yet. To be kept: finding them takes time.
    pub fn timed(&self, kind: &str) -> Timed {
        let (seconds, errors) = (self.seconds.with_label_values(&[kind]), self.errors.with_label_values(&[kind]));
        Timed { seconds, errors }
    }
}

impl Timed {
    /// Takes down what became of a question that was asked at `begun`.
    pub fn ended<T, E>(&self, begun: Instant, outcome: &Result<T, E>) {
        self.seconds.observe(begun.elapsed().as_secs_f64());
        if outcome.is_err() {
            self.errors.inc();
        }
    }
}
