//! How many calls are worked on at once, through both doors. Further ones are refused at once: were they to wait, everybody would.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use parking_lot::Mutex;
use prometheus::{IntCounter, IntGauge};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Result};
use crate::telemetry::Metrics;

/// Room for calls.
pub struct Admission {
    room: Arc<Semaphore>,
    in_flight: IntGauge,
    refused: IntCounter,
}

/// A call that is being worked on, until it is dropped.
pub struct Entered {
    _permit: OwnedSemaphorePermit,
    in_flight: IntGauge,
}

impl Admission {
    /// Room for so many calls.
    pub fn new(calls: usize, metrics: &Metrics) -> Self {
        let (in_flight, refused) = (metrics.calls_in_flight.clone(), metrics.limited.with_label_values(&["calls"]));
        Self { room: Arc::new(Semaphore::new(calls.min(Semaphore::MAX_PERMITS))), in_flight, refused }
    }

    /// The refusal that a call would get now, if there is no room.
    pub fn full(&self) -> Option<Error> {
        (self.room.available_permits() == 0).then(|| self.refuse())
    }

    fn refuse(&self) -> Error {
        self.refused.inc();
        Error::overloaded()
    }

    /// Lets one more call in: 1002 with 503 if there is no room.
    pub fn enter(&self) -> Result<Entered> {
        let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() else {
            return Err(self.refuse());
        };
        let in_flight = self.in_flight.clone();
        in_flight.inc();
        Ok(Entered { _permit: permit, in_flight })
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.in_flight.dec();
    }
}

/// A request's place among the calls. While its body is on its way it has none: who sends slowly keeps nobody out.
#[derive(Clone)]
pub struct Place {
    admission: Arc<Admission>,
    entered: Arc<Mutex<Option<Entered>>>,
}

impl Place {
    /// A place, or the refusal.
    pub fn take(admission: Arc<Admission>) -> Result<Self> {
        let entered = Arc::new(Mutex::new(Some(admission.enter()?)));
        Ok(Self { admission, entered })
    }

    /// Waits for something outside, and enters again. What is there already is not waited for: a call that has come whole is refused
    /// at once or not at all.
    pub async fn meanwhile<T>(&self, outside: impl Future<Output = T>) -> Result<T> {
        let mut outside = pin!(outside);
        if let Poll::Ready(came) = poll_fn(|context| Poll::Ready(outside.as_mut().poll(context))).await {
            return Ok(came);
        }
        self.set(None);
        let came = outside.await;
        self.set(Some(self.admission.enter()?));
        Ok(came)
    }

    fn set(&self, entered: Option<Entered>) {
        *self.entered.lock() = entered;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[tokio::test]
    async fn a_call_too_many_is_refused_and_one_that_waits_for_its_body_keeps_nobody_out() {
        let metrics = Metrics::new().expect("metrics");
        let admission = Arc::new(Admission::new(1, &metrics));
        let place = Place::take(Arc::clone(&admission)).expect("room");
        let refusal = admission.enter().err().expect("no room");
        assert!(admission.full().is_some());
        assert_eq!((refusal.code(), refusal.status().as_u16()), (Code::Internal, 503));
        assert_eq!(metrics.calls_in_flight.get(), 1);
        assert!(place.meanwhile(async { admission.enter().is_err() }).await.expect("a place that was kept"));
        let slow = async {
            tokio::task::yield_now().await;
            admission.enter().expect("room")
        };
        assert!(place.meanwhile(slow).await.is_err(), "the other one is still there");
        assert_eq!(metrics.calls_in_flight.get(), 0);
        drop(place);
        assert!(admission.full().is_none());
        admission.enter().expect("room");
    }
}
