//! Groups in the CQL database: conditional writes only, each of them on one partition.
//!
//! A change goes so: read the group, ask the rule, say in the changed members' conversations that a change is about to be decided,
//! decide it by one conditional batch, write the copies, tell. Whoever dies on the way leaves at worst a row that says so.

mod change;
mod create;
mod edge;
mod growing;
mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::cql::SharedCql;
use super::extents::Extents;
use super::group_nodes::GroupNodes;
use super::turns::Turns;
use super::views::Views;
use crate::error::Error;
use crate::model::{Group, GroupId, GroupUpdate, Member, UserId, Windows};
use crate::store::{GroupRule, Groups, OnCommit, StoreError};
use change::Decision;
pub(super) use growing::{Growing, Grown};
pub(super) use table::{Audience, GroupTable};

/// The port of groups.
pub(super) struct ClusterGroups {
    changes: Arc<Changes>,
    turns: Arc<Turns<GroupId>>,
}

/// What changes of groups work on.
struct Changes {
    cql: SharedCql,
    groups: Arc<GroupTable>,
    views: Arc<Views>,
    extents: Arc<dyn Extents>,
    group_nodes: GroupNodes,
    growing: Growing,
}

impl ClusterGroups {
    /// The port. Groups that grow are brought to their end in the background, until `stop`.
    pub(super) fn new(
        cql: SharedCql,
        (groups, views, extents): (Arc<GroupTable>, Arc<Views>, Arc<dyn Extents>),
        group_nodes: GroupNodes,
        (growing, grown): (Growing, Grown),
        stop: CancellationToken,
    ) -> Self {
        let changes = Arc::new(Changes { cql, groups, views, extents, group_nodes, growing });
        tokio::spawn(growing::run(Arc::clone(&changes), grown, stop));
        Self { changes, turns: Turns::new() }
    }
}

/// Runs a change to its end, even if whoever asked for it goes away in its middle.
pub(super) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::spawn(work).await.map_err(|error| StoreError::Unavailable(format!("a change did not end: {error}")))?
}

#[async_trait]
impl Groups for ClusterGroups {
    async fn create(&self, mut update: GroupUpdate, committed: OnCommit<GroupUpdate>) -> Result<bool, StoreError> {
        let (changes, turns) = (Arc::clone(&self.changes), Arc::clone(&self.turns));
        to_the_end(async move {
            let _turn = turns.take(update.group.id).await?;
            update.group.fanout = changes.groups.fanout_of(&update.group);
            let created = changes.create(&update).await?;
            if created {
                committed(&update);
            }
            Ok(created)
        })
        .await
    }

    async fn change(
        &self,
        group: GroupId,
        users: Vec<UserId>,
        rule: GroupRule,
        committed: OnCommit<GroupUpdate>,
    ) -> Result<Option<Result<Group, Error>>, StoreError> {
        let (changes, turns) = (Arc::clone(&self.changes), Arc::clone(&self.turns));
        to_the_end(async move {
            let _turn = turns.take(group).await?;
            match changes.change(group, &users, &rule).await? {
                Decision::NoGroup => Ok(None),
                Decision::Refused(error) => Ok(Some(Err(error))),
                Decision::Changed(update) => {
                    committed(&update);
                    Ok(Some(Ok(update.group)))
                }
            }
        })
        .await
    }

    async fn find(&self, group: GroupId) -> Result<Option<Group>, StoreError> {
        let row = self.changes.groups.find(group).await?.filter(|row| row.version.is_some());
        row.map(|row| row.into_group(group)).transpose()
    }

    async fn member(&self, group: GroupId, user: &UserId) -> Result<Option<Member>, StoreError> {
        Ok(self.changes.groups.member(group, user).await?.map(|(.., member)| member))
    }

    async fn seats(&self, group: GroupId, users: &[UserId]) -> Result<(u64, Vec<Windows>), StoreError> {
        self.changes.groups.seats(group, users).await
    }

    async fn members(&self, group: GroupId, after: u64, limit: usize) -> Result<Vec<Member>, StoreError> {
        self.changes.groups.roster(group, after, limit).await
    }
}
