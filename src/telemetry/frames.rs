//! The metrics of frames from clients.

use std::time::Duration;

use prometheus::{Histogram, IntCounter, IntCounterVec};

use super::registrar::Registrar;
use crate::error::Code;

/// The ops, as metrics name them; anything else is `unknown`.
const OPS: [&str; 6] = ["send", "pull", "max_seq", "mark_read", "ping", "unknown"];

/// Frames from clients, by op and API code.
#[derive(Debug, Clone)]
pub struct Frames {
    ops: [Op; OPS.len()],
    all: IntCounterVec,
}

/// The series of an op that are there from the start.
#[derive(Debug, Clone)]
struct Op {
    name: &'static str,
    seconds: Histogram,
    successes: IntCounter,
}

impl Frames {
    pub(super) fn new(r: &mut Registrar) -> prometheus::Result<Self> {
        let all =
            r.counters("nexo_ws_frames_total", "Frames from clients, by op and API code", &[("op", &OPS), ("code", &[])])?;
        let seconds = "Duration of frames from clients, from when one was read to when its answer was made";
        let seconds = r.durations("nexo_ws_frame_duration_seconds", seconds, &[("op", &OPS)])?;
        let ops = OPS.map(|name| {
            // A failure of the server's own is what an alert looks for.
            all.with_label_values(&[name, Code::Internal.number().to_string().as_str()]);
            let successes = all.with_label_values(&[name, Code::Success.number().to_string().as_str()]);
            Op { name, seconds: seconds.with_label_values(&[name]), successes }
        });
        Ok(Self { ops, all })
    }

    /// The name of an op as metrics have it.
    pub fn name(op: &str) -> &'static str {
        OPS.into_iter().find(|name| *name == op).unwrap_or("unknown")
    }

    /// Takes down what became of a frame.
    pub fn answered(&self, op: &str, code: Code, took: Duration) {
        let Some(series) = self.ops.iter().find(|series| series.name == op) else { return };
        series.seconds.observe(took.as_secs_f64());
        match code {
            Code::Success => series.successes.inc(),
            code => self.all.with_label_values(&[op, code.number().to_string().as_str()]).inc(),
        }
    }
}
