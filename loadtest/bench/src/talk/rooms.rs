//! The conversations in which is talked, and who is in them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::json;
use tokio::task::JoinSet;

use crate::api::{self, Person};
use crate::bench::Bench;
use crate::http::Http;
use crate::progress::Progress;
use crate::server::Nodes;
use crate::template::To;

/// A server takes so many members with a new group; all others join.
const FIRST_MEMBERS: usize = 1_000;

/// Joins at once.
const JOINERS: usize = 32;

/// How many conversations there are, and of what kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) rooms: usize,
    /// Members of each: 2 are one-to-one.
    pub(crate) size: usize,
    /// Members of each that send.
    pub(crate) senders: usize,
    /// Further members of each that have a socket.
    pub(crate) online: usize,
}

/// One conversation.
pub(crate) struct Room {
    /// The senders come first, then those who listen.
    pub(crate) members: Vec<Person>,
    group: Option<Arc<str>>,
}

impl Shape {
    pub(crate) fn check(&self) -> Result<()> {
        let Shape { size, senders, online, .. } = *self;
        ensure!(size >= 2, "--size must be at least 2");
        ensure!(senders + online <= size, "{senders} senders and {online} online are more than the {size} members");
        Ok(())
    }

    /// Brings them into being.
    pub(crate) async fn open(&self, bench: &mut Bench) -> Result<Vec<Room>> {
        let people = bench.people(self.rooms * self.size).await?;
        let mut rooms = Vec::with_capacity(self.rooms);
        for members in people.chunks(self.size) {
            let group = if self.size == 2 { None } else { Some(create(&bench.server.nodes, members).await?) };
            rooms.push(Room { members: members.to_vec(), group });
        }
        Ok(rooms)
    }
}

impl Room {
    /// Where a member's messages go.
    pub(crate) fn to(&self, sender: usize) -> To {
        match &self.group {
            Some(group) => To::Group(Arc::clone(group)),
            None => To::User(Arc::clone(&self.members[1 - sender].id)),
        }
    }
}

async fn create(nodes: &Nodes, members: &[Person]) -> Result<Arc<str>> {
    #[derive(Deserialize)]
    struct Created {
        id: String,
    }
    let (owner, others) = members.split_first().context("a group without members")?;
    let (first, later) = others.split_at(others.len().min(FIRST_MEMBERS));
    let ids: Vec<&str> = first.iter().map(|member| &*member.id).collect();
    let body = json!({ "name": "nexo-bench", "member_ids": ids }).to_string();
    let mut http = Http::connect(nodes.at(0)).await?;
    let answer = http.post("/group/create", &owner.token, body.as_bytes()).await?;
    let created: Created = api::data(&answer).context("creating a group")?;
    join(nodes, later, &created.id).await?;
    Ok(created.id.into())
}

async fn join(nodes: &Nodes, joiners: &[Person], group: &str) -> Result<()> {
    if joiners.is_empty() {
        return Ok(());
    }
    let progress = Progress::start("joining a group", Some(joiners.len() as u64));
    let body: Arc<str> = json!({ "group_id": group }).to_string().into();
    let queue = Arc::new((joiners.to_vec(), AtomicUsize::new(0)));
    let mut tasks = JoinSet::new();
    for number in 0..JOINERS {
        let (queue, body, done, address) = (Arc::clone(&queue), Arc::clone(&body), progress.counter(), nodes.at(number));
        tasks.spawn(async move {
            let mut http = Http::connect(address).await?;
            while let Some(person) = queue.0.get(queue.1.fetch_add(1, Ordering::Relaxed)) {
                let answer = http.post("/group/join", &person.token, body.as_bytes()).await?;
                api::data::<serde::de::IgnoredAny>(&answer).with_context(|| format!("{} joins a group", person.id))?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        });
    }
    while let Some(joined) = tasks.join_next().await {
        joined??;
    }
    Ok(())
}
