//! A TCP proxy in front of a service, which cuts, delays, holds and loses what passes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{ports, within};

/// What happens to bytes of one direction that arrive at the proxy.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Pass,
    /// They wait.
    Hold,
    /// They are lost.
    Lose,
}

/// What the connections obey.
#[derive(Clone, Copy)]
struct Orders {
    open: bool,
    requests: Flow,
    answers: Flow,
    delay: Duration,
    /// Of the connections with a smaller number the client's side is closed; their requests wait for `released`.
    parted: u64,
    /// Requests of the parted connections with a smaller number go to the service after all.
    released: u64,
}

impl Orders {
    const PASS: Orders =
        Orders { open: true, requests: Flow::Pass, answers: Flow::Pass, delay: Duration::ZERO, parted: 0, released: 0 };

    /// What happens to the bytes of connection `number` in direction `way`.
    fn flow(&self, number: u64, way: Way) -> Flow {
        match way {
            Way::Request if number < self.released => Flow::Pass,
            Way::Request if number < self.parted => Flow::Hold,
            Way::Request => self.requests,
            Way::Answer if number < self.parted => Flow::Lose,
            Way::Answer => self.answers,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Request,
    Answer,
}

/// A proxy on a port of its own. It runs on a thread of its own, so a test that blocks does not stop it; dropped, it cuts all.
pub(crate) struct Proxy {
    port: u16,
    service: Arc<Mutex<String>>,
    orders: watch::Sender<Orders>,
    /// Whether it listens, and how many connections it has taken.
    state: watch::Receiver<(bool, u64)>,
}

impl Proxy {
    /// Listens in front of `service` (`host:port`) and lets everything pass.
    pub(crate) async fn start(service: &str) -> Proxy {
        let (orders, heard) = watch::channel(Orders::PASS);
        let (told, state) = watch::channel((false, 0));
        let port = ports::free_port();
        let service = Arc::new(Mutex::new(service.to_owned()));
        let behind = Arc::clone(&service);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(serve(port, &behind, heard, told));
        });
        let proxy = Proxy { port, service, orders, state };
        proxy.listening(true).await;
        proxy
    }

    /// Where to connect to: `127.0.0.1:<port>`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    async fn listening(&self, expected: bool) {
        let mut state = self.state.clone();
        within("the proxy's port", state.wait_for(|(listens, _)| *listens == expected)).await.expect("the proxy runs");
    }

    /// Closes all connections and refuses new ones, until `restore`; what it held is lost.
    pub(crate) async fn cut(&self) {
        self.orders.send_modify(|orders| orders.open = false);
        self.listening(false).await;
    }

    /// Cuts, and stands in front of another service from then on, as an address does that moves to it.
    pub(crate) async fn move_to(&self, service: &str) {
        self.cut().await;
        service.clone_into(&mut self.service.lock().expect("the service"));
        self.restore().await;
    }

    /// Lets everything pass again. What was held goes on, but for that of parted connections; a connection of which answers
    /// were lost is closed instead of passing one that follows, which would be taken for a lost one.
    pub(crate) async fn restore(&self) {
        self.orders.send_modify(|orders| {
            *orders = Orders { parted: orders.parted, released: orders.released, ..Orders::PASS };
        });
        self.listening(true).await;
    }

    /// Whatever passes arrives so much later, in both directions.
    pub(crate) fn delay(&self, delay: Duration) {
        self.orders.send_modify(|orders| orders.delay = delay);
    }

    /// Silence: connections stay, and new ones are taken, but nothing passes until `restore`.
    pub(crate) fn hold(&self) {
        self.orders.send_modify(|orders| (orders.requests, orders.answers) = (Flow::Hold, Flow::Hold));
    }

    /// Requests pass, their answers are lost, until `restore`.
    pub(crate) fn drop_answers(&self) {
        self.orders.send_modify(|orders| orders.answers = Flow::Lose);
    }

    /// Requests wait at the proxy, also when their sender gives up; they go on at `restore`, or at `release` after `part`.
    pub(crate) fn hold_requests(&self) {
        self.orders.send_modify(|orders| orders.requests = Flow::Hold);
    }

    /// After `hold_requests`: closes the clients' side of all connections and lets new ones pass, while the requests that are
    /// held stay held. So the sender gives up, tries again and is served; the first try lands at `release`.
    pub(crate) fn part(&self) {
        let taken = self.state.borrow().1;
        self.orders.send_modify(|orders| (orders.parted, orders.requests) = (taken, Flow::Pass));
    }

    /// Sends the requests of parted connections to the service. Their answers go nowhere.
    pub(crate) fn release(&self) {
        self.orders.send_modify(|orders| orders.released = orders.parted);
    }
}

/// Listens while it may, until the proxy is dropped.
async fn serve(port: u16, service: &Mutex<String>, orders: watch::Receiver<Orders>, state: watch::Sender<(bool, u64)>) {
    let mut taken = 0;
    let mut heard = orders.clone();
    while heard.wait_for(|orders| orders.open).await.is_ok() {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port of the proxy");
        state.send_replace((true, taken));
        let behind = service.lock().expect("the service").clone();
        let mut connections = JoinSet::new();
        let is_cut = loop {
            tokio::select! {
                biased;
                seen = heard.wait_for(|orders| !orders.open) => break seen.is_ok(),
                Some(_) = connections.join_next() => {}
                accepted = listener.accept() => {
                    let (client, _) = accepted.expect("a connection");
                    connections.spawn(carry(client, behind.clone(), taken, orders.clone()));
                    taken += 1;
                    state.send_replace((true, taken));
                }
            }
        };
        drop(listener);
        connections.shutdown().await;
        state.send_replace((false, taken));
        // Not cut, so the proxy was dropped.
        if !is_cut {
            return;
        }
    }
}

/// Carries one connection until the service ends it, or both sides have.
async fn carry(client: TcpStream, service: String, number: u64, orders: watch::Receiver<Orders>) {
    // No service: the client's connection is closed, as it would be without a proxy.
    let Ok(server) = TcpStream::connect(service).await else { return };
    // Fails for a connection that is gone, which the first read tells too.
    client.set_nodelay(true).ok();
    server.set_nodelay(true).ok();
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    let requests = pump(client_reads, server_writes, Pump { number, way: Way::Request, orders: orders.clone() });
    let answers = pump(server_reads, client_writes, Pump { number, way: Way::Answer, orders });
    tokio::pin!(requests, answers);
    tokio::select! {
        () = &mut answers => {}
        () = &mut requests => answers.await,
    }
}

/// One direction of one connection.
struct Pump {
    number: u64,
    way: Way,
    orders: watch::Receiver<Orders>,
}

impl Pump {
    /// What is to happen to the bytes that are next, once they need not wait.
    async fn flow(&mut self) -> Flow {
        let (number, way) = (self.number, self.way);
        let flowing = self.orders.wait_for(|orders| orders.flow(number, way) != Flow::Hold).await;
        // The proxy is gone: what is held is never released.
        flowing.map_or(Flow::Lose, |orders| orders.flow(number, way))
    }

    /// Ends when the client's side is to be closed.
    async fn parted(&self) {
        let mut orders = self.orders.clone();
        if orders.wait_for(|orders| self.number < orders.parted).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

async fn pump(mut from: OwnedReadHalf, to: OwnedWriteHalf, pump: Pump) {
    // Bounded: a service that does not read stops its client, as it would without a proxy.
    let (queue, waiting) = mpsc::channel(1024);
    let (number, way, orders) = (pump.number, pump.way, pump.orders.clone());
    let read = async move {
        let reader = Pump { number, way, orders };
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let read = tokio::select! {
                read = from.read(&mut buffer) => read.unwrap_or(0),
                () = reader.parted(), if way == Way::Request => 0,
            };
            if read == 0 || queue.send((Instant::now(), buffer[..read].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let read_all = async {
        read.await;
        // What was read is still to be written.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = write(waiting, to, pump) => {}
        () = read_all => {}
    }
}

/// Writes what was read, when it is due, then ends its side of the connection.
async fn write(mut waiting: mpsc::Receiver<(Instant, Vec<u8>)>, to: OwnedWriteHalf, mut pump: Pump) {
    let mut to = Some(to);
    let mut has_lost = false;
    loop {
        let next = tokio::select! {
            next = waiting.recv() => next,
            () = pump.parted(), if pump.way == Way::Answer && to.is_some() => {
                to = None;
                continue;
            }
        };
        let Some((read_at, bytes)) = next else { break };
        let delay = pump.orders.borrow().delay;
        tokio::time::sleep_until(read_at + delay).await;
        match (pump.flow().await, &mut to) {
            (Flow::Pass, Some(_)) if has_lost => return,
            (Flow::Pass, Some(half)) => {
                if half.write_all(&bytes).await.is_err() {
                    // A client that has gone: its requests are still the service's to do, so its answers are read on.
                    to = None;
                }
            }
            (Flow::Pass, None) => {}
            (Flow::Hold | Flow::Lose, _) => has_lost = true,
        }
    }
    if let Some(mut half) = to {
        // The other side may be gone already.
        half.shutdown().await.ok();
    }
}
