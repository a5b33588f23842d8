//! The traces of a server, and what sends them away.

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Failure;
use crate::config::Config;
use crate::model::NodeId;
use crate::telemetry::{Export, Spans, Traces};

/// Where traces begin, and the task that sends them to the collector, if one is set.
pub(super) struct Tracer {
    pub(super) traces: Traces,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Tracer {
    /// Starts the task, which counts what becomes of spans.
    pub(super) fn start(config: &Config, node: NodeId, counts: &Spans) -> Result<Self, Failure> {
        let (traces, export) = Export::prepare(&config.traces, &node.to_string(), counts).map_err(Failure)?;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        if let Some(export) = export {
            tasks.spawn(export.run(stop.clone()));
        }
        Ok(Self { traces, tasks, stop })
    }

    /// Ends it, after the last span, in bounded time.
    pub(super) async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
