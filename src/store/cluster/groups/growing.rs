//! Groups that became large: from then on their messages come once for each node.
//!
//! First a change says that both ways are to be used. Then every member is told, so that its nodes say which groups they have
//! members of. Only then a second change ends the first way. If the node that does so dies, one that sends to the group goes on.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Changes;
use super::change::Outcome;
use crate::model::{Fanout, Group, GroupChange, GroupId, GroupState, GroupUpdate, UserId};
use crate::store::StoreError;
use crate::store::cluster::together::together;

/// For how long both ways run after everybody was told; and if a node may not have heard of it, until it has renewed its routes.
const BOTH: Duration = Duration::from_secs(5);
const BOTH_UNTOLD: Duration = Duration::from_secs(25);

/// For how long whoever meets such a group leaves it to another node, which is probably at it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The pause before a group is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Groups that wait; one more is met again by the next message to it.
const WAITING_MAX: usize = 1_000;

/// Members that are told at once.
const PAGE: usize = 1_000;

/// Where groups are put that became large.
#[derive(Clone)]
pub(in crate::store::cluster) struct Growing {
    groups: mpsc::Sender<(GroupId, Duration)>,
    known: Known,
}

/// The groups that somebody brings, or will bring after this patience.
type Known = Arc<Mutex<HashSet<(GroupId, Duration)>>>;

/// Where they come out.
pub(in crate::store::cluster) struct Grown {
    groups: mpsc::Receiver<(GroupId, Duration)>,
    known: Known,
}

impl Growing {
    /// No groups yet.
    pub(in crate::store::cluster) fn new() -> (Self, Grown) {
        let (sender, groups) = mpsc::channel(WAITING_MAX);
        let known = Arc::default();
        (Self { groups: sender, known: Arc::clone(&known) }, Grown { groups, known })
    }

    /// This node let a group grow.
    pub(super) fn begun(&self, group: GroupId) {
        self.put(group, Duration::ZERO);
    }

    /// This node met a group that is growing.
    pub(in crate::store::cluster) fn met(&self, group: GroupId) {
        self.put(group, PATIENCE);
    }

    fn put(&self, group: GroupId, patience: Duration) {
        let mut known = self.known.lock();
        let is_known = [Duration::ZERO, patience].iter().any(|patience| known.contains(&(group, *patience)));
        if !is_known && self.groups.try_send((group, patience)).is_ok() {
            known.insert((group, patience));
        }
    }
}

/// Brings every group to its end, until `stop`.
pub(super) async fn run(changes: Arc<Changes>, mut grown: Grown, stop: CancellationToken) {
    while let Some(Some((group, patience))) = stop.run_until_cancelled(grown.groups.recv()).await {
        let (changes, known, stop) = (Arc::clone(&changes), Arc::clone(&grown.known), stop.clone());
        tokio::spawn(async move {
            stop.run_until_cancelled(bring(&changes, group, patience)).await;
            known.lock().remove(&(group, patience));
        });
    }
}

async fn bring(changes: &Changes, group: GroupId, patience: Duration) {
    tokio::time::sleep(patience).await;
    while let Err(error) = changes.grow(group).await {
        tracing::debug!(%group, %error, "group {group} is told both ways for longer: {error}");
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

impl Changes {
    /// Ends the first way for a group whose members are told both ways.
    async fn grow(&self, group: GroupId) -> Result<(), StoreError> {
        let is_both = |group: &Group| group.fanout == Fanout::Both;
        let row = self.groups.agreed(group).await?.filter(|row| row.version.is_some());
        if !row.map(|row| row.into_group(group)).transpose()?.is_some_and(|group| is_both(&group)) {
            return Ok(());
        }
        let untold = self.tell_members(group).await?;
        tokio::time::sleep(if untold == 0 { BOTH } else { BOTH_UNTOLD }).await;
        let ends = move |state: &GroupState| {
            let fanout = if is_both(&state.group) { Fanout::Nodes } else { state.group.fanout };
            let operator = state.group.owner.clone();
            let change = GroupChange { group, change: "updated".into(), operator, users: Vec::new() };
            Ok(GroupUpdate { group: Group { fanout, ..state.group.clone() }, members: Vec::new(), change })
        };
        if let Outcome::Stored(_) = self.store(group, &[], &(Box::new(ends) as _)).await? {
            tracing::info!(%group, "the messages of group {group} come once for each node from now on");
        }
        Ok(())
    }

    /// Tells every member that its messages come by node. Answers how many nodes may not have heard of it yet.
    async fn tell_members(&self, group: GroupId) -> Result<usize, StoreError> {
        let (mut untold, mut after) = (0, 0);
        loop {
            let page = self.groups.roster(group, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(untold) };
            after = last.id;
            let users: Vec<UserId> = page.iter().map(|member| member.user.clone()).collect();
            together(users.iter().map(|user| self.views.set_by_node(user, group)).collect()).await?;
            untold += self.group_nodes.seat(group, &users, false).await?;
        }
    }
}
