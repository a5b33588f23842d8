//! The creation of a group.

use uuid::Uuid;

use super::Changes;
use super::table::Next;
use crate::model::{GroupId, GroupUpdate, Member};
use crate::store::StoreError;
use crate::store::cluster::attempts::Attempts;
use crate::store::cluster::cql::Applied;

/// How many members one batch holds: some 30 KiB, of the 50 that Cassandra takes.
const PART: usize = 50;

impl Changes {
    /// Stores a new group with its members; `false` if the id is taken. A large one first claims its id, and it has no version,
    /// so that it is not there, until all its members are.
    pub(super) async fn create(&self, update: &GroupUpdate) -> Result<bool, StoreError> {
        let (group, members) = (update.group.id, &update.members);
        let next = Next::first(Uuid::new_v4());
        let (earlier, last) = members.split_at(members.len().saturating_sub(PART));
        let claimed_by = Some(next.op_id).filter(|_| !earlier.is_empty());
        if claimed_by.is_some() && !self.claim(group, next.op_id).await? {
            return Ok(false);
        }
        let all: Vec<&Member> = members.iter().collect();
        self.views.announce(group, &all, next.version).await?;
        for part in earlier.chunks(PART) {
            self.add(group, next.op_id, part).await?;
        }
        if !self.decide(update, &next, claimed_by, last).await? {
            return Ok(false);
        }
        self.copy_and_tell(update, &all, next.version).await;
        Ok(true)
    }

    /// Takes the id; `false` if it is taken.
    async fn claim(&self, group: GroupId, op_id: Uuid) -> Result<bool, StoreError> {
        let mut attempts = Attempts::within(self.cql.deadline());
        loop {
            attempts.next().await?;
            match self.groups.claim(group, op_id).await? {
                Applied::Yes => return Ok(true),
                Applied::No | Applied::Unknown => match self.groups.agreed(group).await? {
                    Some(row) if row.version.is_some() || row.op_id.is_some() => return Ok(row.op_id == Some(op_id)),
                    _ => {}
                },
            }
        }
    }

    /// Writes some members. Again is the same: nobody else writes under this op_id.
    async fn add(&self, group: GroupId, op_id: Uuid, members: &[Member]) -> Result<(), StoreError> {
        let mut attempts = Attempts::within(self.cql.deadline());
        loop {
            attempts.next().await?;
            match self.groups.add(group, op_id, members).await? {
                Applied::Yes => return Ok(()),
                Applied::No => return Err(StoreError::Corrupt(format!("group {group} was claimed twice"))),
                Applied::Unknown => {}
            }
        }
    }

    /// Lets the group be, with the last of its members; `false` if the id is taken.
    async fn decide(
        &self,
        update: &GroupUpdate,
        next: &Next,
        claimed_by: Option<Uuid>,
        last: &[Member],
    ) -> Result<bool, StoreError> {
        let mut attempts = Attempts::within(self.cql.deadline());
        loop {
            attempts.next().await?;
            if self.groups.create(&update.group, next, claimed_by, last).await? == Applied::Yes {
                return Ok(true);
            }
            match self.groups.agreed(update.group.id).await? {
                Some(row) if row.has_taken(next.op_id) => return Ok(true),
                Some(row) if row.version.is_some() || row.op_id != claimed_by => return Ok(false),
                _ => {}
            }
        }
    }
}
