//! What the commands share: the server, and users that are registered once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use tokio::task::JoinSet;

use crate::api::{self, IOS, Person};
use crate::http::Http;
use crate::options::Options;
use crate::progress::Progress;
use crate::server::Server;

/// Password hashes are asked for by so many connections at once: far below the server's queue of 256.
const REGISTRARS: usize = 16;

/// A server, and who is registered there.
pub(crate) struct Bench {
    pub(crate) server: Server,
    /// Messages that [`crate::fill`] has stored.
    pub(crate) filled: u64,
    tag: String,
    tags: usize,
    people: Vec<Person>,
    absent: Vec<Arc<str>>,
}

/// A user to register, and the platforms to log in on.
#[derive(Clone, Debug)]
pub(crate) struct Newcomer {
    pub(crate) id: String,
    pub(crate) platforms: Vec<u8>,
}

/// A registered user with a token for each platform asked for.
#[derive(Clone, Debug)]
pub(crate) struct Enrolled {
    pub(crate) id: Arc<str>,
    pub(crate) tokens: Vec<Arc<str>>,
}

impl Bench {
    /// Starts or finds the server.
    pub(crate) async fn open(options: &Options) -> Result<Bench> {
        let millis = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        Ok(Bench {
            server: Server::from_options(options).await?,
            filled: 0,
            tag: format!("b{millis:x}"),
            tags: 0,
            people: Vec::new(),
            absent: Vec::new(),
        })
    }

    /// A name that no earlier run on this server had.
    pub(crate) fn fresh_tag(&mut self) -> String {
        self.tags += 1;
        format!("{}-{}", self.tag, self.tags)
    }

    /// The first `count` users with a token; those that are missing are registered.
    pub(crate) async fn people(&mut self, count: usize) -> Result<Vec<Person>> {
        let known = self.people.len();
        let newcomers = self.newcomers("p", known..count, &[IOS]);
        let enrolled = enrol(&self.server, newcomers).await?;
        self.people.extend(enrolled.into_iter().map(|new| Person { token: Arc::clone(&new.tokens[0]), id: new.id }));
        Ok(self.people[..count].to_vec())
    }

    /// The first `count` users who are registered and never log in.
    pub(crate) async fn absent(&mut self, count: usize) -> Result<Vec<Arc<str>>> {
        let known = self.absent.len();
        let newcomers = self.newcomers("a", known..count, &[]);
        let enrolled = enrol(&self.server, newcomers).await?;
        self.absent.extend(enrolled.into_iter().map(|new| new.id));
        Ok(self.absent[..count].to_vec())
    }

    fn newcomers(&self, kind: &str, range: std::ops::Range<usize>, on: &[u8]) -> Vec<Newcomer> {
        let newcomer = |index| Newcomer { id: format!("{}-{kind}{index}", self.tag), platforms: on.to_vec() };
        range.map(newcomer).collect()
    }
}

/// Registers users and logs them in, many at once; the answer has their order.
pub(crate) async fn enrol(server: &Server, newcomers: Vec<Newcomer>) -> Result<Vec<Enrolled>> {
    if newcomers.is_empty() {
        return Ok(Vec::new());
    }
    let total = newcomers.len();
    let progress = Progress::start("registering users", Some(total as u64));
    let nodes = server.nodes.clone();
    let queue = Arc::new((newcomers, AtomicUsize::new(0)));
    let mut registrars = JoinSet::new();
    for number in 0..REGISTRARS.min(total) {
        let (queue, address) = (Arc::clone(&queue), nodes.at(number));
        let done = progress.counter();
        registrars.spawn(async move {
            let mut http = Http::connect(address).await?;
            let mut enrolled = Vec::new();
            loop {
                let index = queue.1.fetch_add(1, Ordering::Relaxed);
                let Some(newcomer) = queue.0.get(index) else {
                    return anyhow::Ok(enrolled);
                };
                enrolled.push((index, enrol_one(&mut http, newcomer).await?));
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let mut places: Vec<Option<Enrolled>> = vec![None; total];
    while let Some(finished) = registrars.join_next().await {
        for (index, enrolled) in finished?? {
            places[index] = Some(enrolled);
        }
    }
    let all: Option<Vec<Enrolled>> = places.into_iter().collect();
    all.context("a user was not registered")
}

async fn enrol_one(http: &mut Http, newcomer: &Newcomer) -> Result<Enrolled> {
    api::register(http, &newcomer.id).await?;
    let mut tokens = Vec::with_capacity(newcomer.platforms.len());
    for platform in &newcomer.platforms {
        tokens.push(api::login(http, &newcomer.id, *platform).await?);
    }
    Ok(Enrolled { id: newcomer.id.as_str().into(), tokens })
}
