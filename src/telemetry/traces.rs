//! Traces: what becomes of a call, stage by stage and on other nodes too, for those calls that are looked at.
//!
//! The trace is known to the task that works on a call ([`Trace::current`]); whatever hands work over to another task, thread or node hands
//! it over too. Of a call that is not traced there is nothing to hand over: a stage of it costs one look at a variable of the task.
//!
//! Spans are made here and not by a layer on the spans of logs, which would be asked about each call, and could not take stages whose
//! beginning is known only afterwards.

mod export;
mod parent;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use tokio::sync::mpsc;
use tokio::task::futures::TaskLocalFuture;

use super::Spans;

pub use export::Export;
pub use parent::Parent;

tokio::task_local! {
    static CURRENT: Trace;
}

/// The attribute that says which API code a call was answered with.
const CODE: &str = "nexo.code";

/// A span as other spans name it, here or on another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    trace: TraceId,
    span: SpanId,
}

impl Point {
    /// How many bytes a point has.
    pub const BYTES: usize = 24;

    /// The point of these ids; `None` if they are not valid.
    fn of(trace: TraceId, span: SpanId) -> Option<Self> {
        (trace != TraceId::INVALID && span != SpanId::INVALID).then_some(Self { trace, span })
    }

    /// The point that `bytes` are.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let (trace, span) = (bytes.first_chunk()?, bytes.last_chunk()?);
        Self::of(TraceId::from_bytes(*trace), SpanId::from_bytes(*span))
    }

    /// The point as bytes.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..16].copy_from_slice(&self.trace.to_bytes());
        bytes[16..].copy_from_slice(&self.span.to_bytes());
        bytes
    }
}

/// Where traces begin. The default traces nothing.
#[derive(Clone, Default)]
pub struct Traces(Option<Arc<Tracing>>);

struct Tracing {
    share: f64,
    scope: InstrumentationScope,
    spans: mpsc::Sender<SpanData>,
    counts: Spans,
}

impl Traces {
    /// Begins the trace of a call, if that is to be traced: as its parent says if that may, else by chance.
    pub fn begin(&self, parent: impl FnOnce() -> Option<Parent>, name: impl FnOnce() -> String) -> Span {
        let Some(tracing) = &self.0 else { return Span::none() };
        let parent = parent();
        let by_chance = || rand::random::<f64>() < tracing.share;
        if !parent.as_ref().and_then(|parent| parent.traced).unwrap_or_else(by_chance) {
            return Span::none();
        }
        let parent = parent.map(|parent| parent.point);
        Span::open(tracing, (parent, parent.is_some()), SpanKind::Server, (name().into(), Instant::now()))
    }

    /// Goes on with what another node began.
    pub fn go_on(&self, from: Option<Point>, name: &'static str) -> Span {
        let (Some(tracing), Some(from)) = (&self.0, from) else { return Span::none() };
        Span::open(tracing, (Some(from), true), SpanKind::Consumer, (name.into(), Instant::now()))
    }
}

/// The trace that work belongs to, and the span in it; or nothing, if the work is not traced.
#[derive(Clone, Default)]
pub struct Trace(Option<Arc<Spot>>);

struct Spot {
    tracing: Arc<Tracing>,
    point: Point,
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Trace").field(&self.point()).finish()
    }
}

impl Trace {
    /// The trace of the task that runs now.
    pub fn current() -> Self {
        CURRENT.try_with(Self::clone).unwrap_or_default()
    }

    /// Does work of this trace.
    pub fn around<F: Future>(self, work: F) -> TaskLocalFuture<Self, F> {
        CURRENT.scope(self, work)
    }

    /// As [`Self::around`], for work that waits for nothing.
    pub fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self.clone(), work)
    }

    /// Whether the work is traced.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// The span, as another node needs it to go on.
    pub fn point(&self) -> Option<Point> {
        self.0.as_ref().map(|spot| spot.point)
    }

    /// Begins a stage.
    pub fn stage(&self, name: &'static str) -> Span {
        match &self.0 {
            Some(_) => self.stage_since(name, Instant::now()),
            None => Span::none(),
        }
    }

    /// A stage that began a while ago.
    pub fn stage_since(&self, name: &'static str, since: Instant) -> Span {
        let Some(spot) = &self.0 else { return Span::none() };
        Span::open(&spot.tracing, (Some(spot.point), false), SpanKind::Internal, (name.into(), since))
    }
}

/// Does work as a stage of the current trace.
pub async fn stage<F: Future>(name: &'static str, work: F) -> F::Output {
    let _span = Trace::current().stage(name);
    work.await
}

/// A span, which ends when it is dropped; or nothing, if the work is not traced.
#[must_use]
pub struct Span(Option<Box<Open>>);

struct Open {
    spot: Arc<Spot>,
    parent: Option<Point>,
    is_remote: bool,
    kind: SpanKind,
    name: Cow<'static, str>,
    began: SystemTime,
    since: Instant,
    attributes: Vec<KeyValue>,
    status: Status,
}

impl Span {
    /// Nothing.
    pub fn none() -> Self {
        Self(None)
    }

    fn open(
        tracing: &Arc<Tracing>,
        (parent, is_remote): (Option<Point>, bool),
        kind: SpanKind,
        (name, since): (Cow<'static, str>, Instant),
    ) -> Self {
        let trace = parent.map_or_else(|| TraceId::from(rand::random::<u128>()), |parent| parent.trace);
        let point = Point { trace, span: SpanId::from(rand::random::<u64>()) };
        let now = SystemTime::now();
        Self(Some(Box::new(Open {
            spot: Arc::new(Spot { tracing: Arc::clone(tracing), point }),
            parent,
            is_remote,
            kind,
            name,
            began: now.checked_sub(since.elapsed()).unwrap_or(now),
            since,
            attributes: Vec::new(),
            status: Status::Unset,
        })))
    }

    /// What its stages belong to.
    pub fn trace(&self) -> Trace {
        Trace(self.0.as_ref().map(|open| Arc::clone(&open.spot)))
    }

    /// Says something of it: never a token, a content or an address.
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(open) = &mut self.0 {
            open.attributes.push(KeyValue::new(key, value));
        }
    }

    /// Says how the call was answered, and whether that is a failure of the server.
    pub fn answered(&mut self, code: u16, is_failure: bool) {
        self.set(CODE, i64::from(code));
        if let Some(open) = self.0.as_mut().filter(|_| is_failure) {
            open.status = Status::error("");
        }
    }

    /// Says that it hands something over to others.
    pub fn hands_over(mut self) -> Self {
        if let Some(open) = &mut self.0 {
            open.kind = SpanKind::Producer;
        }
        self
    }

    /// Has log lines name it: sets the fields `trace_id` and `span_id` of a span of the log.
    pub fn name_in(&self, log: &tracing::Span) {
        if let Some(open) = &self.0 {
            let Point { trace, span } = open.spot.point;
            log.record("trace_id", tracing::field::display(trace));
            log.record("span_id", tracing::field::display(span));
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let Some(open) = self.0.take() else { return };
        let Open { spot, parent, is_remote, kind, name, began, since, attributes, status } = *open;
        let Point { trace, span } = spot.point;
        let data = SpanData {
            span_context: SpanContext::new(trace, span, TraceFlags::SAMPLED, false, TraceState::NONE),
            parent_span_id: parent.map_or(SpanId::INVALID, |parent| parent.span),
            parent_span_is_remote: is_remote,
            span_kind: kind,
            name,
            start_time: began,
            end_time: began + since.elapsed(),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status,
            instrumentation_scope: spot.tracing.scope.clone(),
        };
        // Nobody waits for the collector.
        if spot.tracing.spans.try_send(data).is_err() {
            spot.tracing.counts.no_room.inc();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_survives_its_bytes_and_zeros_are_none() {
        let bytes: [u8; Point::BYTES] = std::array::from_fn(|at| at as u8);
        assert_eq!(Point::from_bytes(&bytes).map(Point::to_bytes), Some(bytes));
        assert_eq!(Point::from_bytes(&[0; Point::BYTES]), None);
        for half in [0..16, 16..Point::BYTES] {
            let mut bytes = bytes;
            bytes[half].fill(0);
            assert_eq!(Point::from_bytes(&bytes), None);
        }
    }
}
