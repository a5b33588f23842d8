//! When sends are due: as soon as the one before was acked, or each at its own time, whatever became of the one before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc;
use tokio::time::Instant;

/// The plan of all sends. At a rate, the lanes take turns: send `n` of lane `l` is number `n * lanes + l`.
#[derive(Clone)]
pub(crate) struct Schedule {
    /// When the first one is due.
    pub(crate) begin: Instant,
    /// Nothing is due from here on, or once `stop` is set.
    pub(crate) end: Instant,
    pub(crate) stop: Arc<AtomicBool>,
    /// Sends a second over all lanes; 0: as fast as they are acked.
    pub(crate) rate: f64,
    pub(crate) lanes: usize,
}

/// Tells one lane when to send.
pub(crate) enum Pace {
    FlatOut(Schedule),
    At(mpsc::UnboundedReceiver<Instant>),
}

impl Schedule {
    /// When a send is due; `None` if that depends on the one before.
    pub(crate) fn due(&self, lane: usize, nth: u64) -> Option<Instant> {
        (self.rate > 0.0).then(|| self.due_number(nth * self.lanes as u64 + lane as u64))
    }

    fn due_number(&self, number: u64) -> Instant {
        self.begin + std::time::Duration::from_secs_f64(number as f64 / self.rate)
    }

    fn is_over(&self, time: Instant) -> bool {
        time >= self.end || self.stop.load(Ordering::Relaxed)
    }

    /// The paces of the lanes, in their order; the clock runs from now on.
    pub(crate) fn start(&self) -> Vec<Pace> {
        if self.rate <= 0.0 {
            return (0..self.lanes).map(|_| Pace::FlatOut(self.clone())).collect();
        }
        let (wakers, paces): (Vec<_>, _) =
            (0..self.lanes).map(|_| mpsc::unbounded_channel()).map(|(w, p)| (w, Pace::At(p))).unzip();
        let schedule = self.clone();
        std::thread::spawn(move || schedule.run(&wakers));
        paces
    }

    /// Wakes each lane when it is due. A thread, as the timers of tokio round up to milliseconds.
    fn run(&self, wakers: &[mpsc::UnboundedSender<Instant>]) {
        for number in 0.. {
            let due = self.due_number(number);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let lane = (number % self.lanes as u64) as usize;
            // A lane that is gone has failed, and its task tells why.
            if self.is_over(due) || wakers[lane].send(due).is_err() {
                return;
            }
        }
    }
}

impl Pace {
    /// When the next send was due; `None` once there are no more. May be cancelled.
    pub(crate) async fn next(&mut self) -> Option<Instant> {
        match self {
            Pace::FlatOut(schedule) => Some(Instant::now()).filter(|now| !schedule.is_over(*now)),
            Pace::At(wakes) => wakes.recv().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn schedule(rate: f64) -> Schedule {
        let begin = Instant::now();
        Schedule { begin, end: begin + Duration::from_millis(20), stop: Arc::default(), rate, lanes: 2 }
    }

    #[tokio::test]
    async fn at_a_rate_the_lanes_take_turns_until_the_end() {
        let schedule = schedule(500.0);
        let mut dues = Vec::new();
        for mut pace in schedule.start() {
            let mut lane = Vec::new();
            while let Some(due) = pace.next().await {
                lane.push(due.duration_since(schedule.begin).as_millis());
            }
            dues.push(lane);
        }
        assert_eq!(dues, [[0, 4, 8, 12, 16], [2, 6, 10, 14, 18]]);
        assert_eq!(schedule.due(1, 2).map(|due| due.duration_since(schedule.begin).as_millis()), Some(10));
    }

    #[tokio::test]
    async fn flat_out_is_at_once_until_somebody_stops_it() {
        let schedule = schedule(0.0);
        let mut paces = schedule.start();
        assert!(paces[0].next().await.is_some() && schedule.due(0, 0).is_none());
        schedule.stop.store(true, Ordering::Relaxed);
        assert!(paces[1].next().await.is_none());
    }
}
