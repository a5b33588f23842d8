//! Changes of a group.

use uuid::Uuid;

use super::Changes;
use super::edge::Edge;
use super::table::Next;
use crate::error::Error;
use crate::model::{ConversationId, Fanout, Group, GroupId, GroupState, GroupUpdate, Member, UserId};
use crate::store::cluster::attempts::Attempts;
use crate::store::cluster::cql::Applied;
use crate::store::{GroupRule, StoreError};

/// What became of a change.
pub(super) enum Decision {
    NoGroup,
    Refused(Error),
    Changed(Box<GroupUpdate>),
}

/// What became of one, with what it took to decide it.
pub(super) enum Outcome {
    NoGroup,
    Refused(Error),
    Stored(Box<Tried>),
}

/// A change that was tried, and of which it is not known whether it took effect.
pub(super) struct Tried {
    op_id: Uuid,
    version: i64,
    update: GroupUpdate,
    moved: Vec<bool>,
    edge: Edge,
}

impl Changes {
    /// Lets the rule decide, until what it decided is stored. One that lost against another node reads and asks again.
    pub(super) async fn change(&self, group: GroupId, users: &[UserId], rule: &GroupRule) -> Result<Decision, StoreError> {
        Ok(match self.store(group, users, rule).await? {
            Outcome::NoGroup => Decision::NoGroup,
            Outcome::Refused(error) => Decision::Refused(error),
            Outcome::Stored(tried) => {
                if let Err(error) = self.tell_at_edge(&tried.update, &tried.edge).await {
                    tracing::debug!(%error, "a member who just came or went was not told of what was on its way");
                }
                Decision::Changed(Box::new(tried.update))
            }
        })
    }

    /// The same, without a look at what was on its way meanwhile.
    pub(super) async fn store(&self, group: GroupId, users: &[UserId], rule: &GroupRule) -> Result<Outcome, StoreError> {
        let mut attempts = Attempts::within(self.cql.deadline());
        let mut unknown: Vec<Tried> = Vec::new();
        loop {
            attempts.next().await?;
            // One that may take effect yet is decided by this read: a serial one, then.
            let row = if unknown.is_empty() { self.groups.find(group).await? } else { self.groups.agreed(group).await? };
            let Some(row) = row else { return Ok(Outcome::NoGroup) };
            if let Some(at) = unknown.iter().position(|tried| row.has_taken(tried.op_id)) {
                return Ok(self.done(unknown.swap_remove(at)).await);
            }
            let Some(version) = row.version else { return Ok(Outcome::NoGroup) };
            let next = Next::after(&row, version);
            // After the group, never before it: rows that are newer than the version fail its condition, older ones would not.
            let members = self.groups.members(group, users).await?;
            let conversation = ConversationId::Group(group);
            // In this order: everything above the first and up to the second may be on its way.
            let whole = self.extents.whole(&conversation).await?;
            let top = self.extents.top(&conversation).await?;
            let state = GroupState { group: row.into_group(group)?, members, top };
            let mut update = match rule(&state) {
                Ok(update) => update,
                Err(error) => return Ok(Outcome::Refused(error)),
            };
            update.group.fanout = self.groups.fanout_of(&update.group);
            let moved = moved(&state, &update);
            let edge = Edge::of(&state, &update, whole);
            let tried = Tried { op_id: next.op_id, version: next.version, update, moved, edge };
            self.views.announce(group, &tried.members(), tried.version).await?;
            match self.groups.change(&next, &tried.update, &tried.moved).await? {
                Applied::Yes => return Ok(self.done(tried).await),
                Applied::No => {}
                Applied::Unknown => unknown.push(tried),
            }
        }
    }

    /// Copies what was decided.
    async fn done(&self, tried: Tried) -> Outcome {
        let (members, version) = (tried.members(), tried.version);
        self.copy_and_tell(&tried.update, &members, version).await;
        drop(members);
        Outcome::Stored(Box::new(tried))
    }

    /// Copies these members of a change that was stored, and tells the nodes of a group whose messages they tell.
    pub(super) async fn copy_and_tell(&self, update: &GroupUpdate, members: &[&Member], version: i64) {
        let Group { id: group, fanout, .. } = update.group;
        if let Err(error) = self.views.copy((group, fanout), members, version).await {
            // The rows say that they are pending: whoever reads them asks the groups table.
            tracing::debug!(%error, "copies of a group's members are left to their readers");
        }
        if fanout == Fanout::Members {
            return;
        }
        // The members of a new group are told below, all of them.
        let moved = members.iter().filter(|_| version > 1).map(|member| member.user.clone()).collect::<Vec<_>>();
        if let Err(error) = self.group_nodes.tell_change(update, &moved, version.cast_unsigned()).await {
            // They look at it again in a while.
            tracing::debug!(%group, %error, "a change of group {group} was not told to its nodes");
        }
        if fanout == Fanout::Both {
            self.growing.begun(group);
        }
    }
}

impl Tried {
    /// What was stored.
    pub(super) fn into_update(self) -> GroupUpdate {
        self.update
    }

    /// The members whose conversations are touched.
    fn members(&self) -> Vec<&Member> {
        self.update.members.iter().zip(&self.moved).filter(|(_, moved)| **moved).map(|(member, _)| member).collect()
    }
}

/// Of each member of an update, whether what its conversation copies is another than before.
fn moved(state: &GroupState, update: &GroupUpdate) -> Vec<bool> {
    let before = |user: &UserId| state.members.iter().flatten().find(|member| member.user == *user);
    let is_moved = |member: &Member| {
        let before = before(&member.user);
        before.is_none_or(|before| before.windows != member.windows || before.joined_at_ms != member.joined_at_ms)
    };
    update.members.iter().map(is_moved).collect()
}
