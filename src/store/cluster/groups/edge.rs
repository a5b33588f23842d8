//! Members who come and go while messages are on their way.
//!
//! A stay begins and ends at the top of the conversation as it was read before the change was stored. Who is told of a message is
//! read after its seq was given. Between the two, a newcomer may see a message of which nobody told it, and a leaver may be told
//! of one that it would not see. So whoever changes the group looks at the top again: a leaver's stay is ended there, and each is
//! told of what was on its way. Clients drop what comes twice.

use super::Changes;
use super::change::Outcome;
use crate::model::{ConversationId, GroupState, GroupUpdate, Member, UserId, Windows};
use crate::store::{GroupRule, StoreError};

/// What was on its way when a change was decided.
pub(super) struct Edge {
    /// Everything up to here was stored or given up.
    whole: u64,
    /// The top at which stays begin and end.
    top: u64,
    /// Those who leave, with their windows while they were in.
    leavers: Vec<(UserId, Windows)>,
    /// Whether anybody comes or goes at all.
    moves: bool,
}

impl Edge {
    pub(super) fn of(state: &GroupState, update: &GroupUpdate, whole: u64) -> Self {
        let before = |user: &UserId| state.members.iter().flatten().find(|member| member.user == *user);
        let was_in = |user: &UserId| before(user).is_some_and(Member::is_active);
        let moved = update.members.iter().filter(|member| member.is_active() != was_in(&member.user));
        let leaves = |member: &&Member| !member.is_active();
        let leavers = moved.clone().filter(leaves).filter_map(|member| before(&member.user));
        Self {
            whole,
            top: state.top,
            leavers: leavers.map(|before| (before.user.clone(), before.windows.clone())).collect(),
            moves: moved.count() > 0,
        }
    }
}

impl Changes {
    /// Ends the leavers' stays where the change took effect, and tells all who came or went of what was on its way.
    pub(super) async fn tell_at_edge(&self, update: &GroupUpdate, edge: &Edge) -> Result<(), StoreError> {
        if !edge.moves {
            return Ok(());
        }
        let conversation = ConversationId::Group(update.group.id);
        let top = self.extents.top(&conversation).await?;
        if top == edge.whole {
            return Ok(());
        }
        let mut members = update.members.clone();
        if top > edge.top && !edge.leavers.is_empty() {
            let users: Vec<UserId> = edge.leavers.iter().map(|(user, _)| user.clone()).collect();
            if let Outcome::Stored(tried) = self.store(update.group.id, &users, &ends_later(&edge.leavers, update)).await? {
                members.retain(|member| !users.contains(&member.user));
                members.extend(tried.into_update().members);
            }
        }
        // A leaver's stay may have been ended at a later top yet.
        let ends = members.iter().filter_map(|member| member.windows.stays().last()?.until);
        let last = ends.max().unwrap_or(0).max(top);
        self.extents.tell(&conversation, (edge.whole + 1, last), &members).await
    }
}

/// The rule that ends the stays of those who left at the top as it is now. One who came back meanwhile is left alone.
fn ends_later(leavers: &[(UserId, Windows)], update: &GroupUpdate) -> GroupRule {
    let (leavers, change) = (leavers.to_vec(), update.change.clone());
    Box::new(move |state: &GroupState| {
        let gone = state.members.iter().flatten().filter(|member| !member.is_active());
        let ended = gone.filter_map(|member| {
            let (_, windows) = leavers.iter().find(|(user, _)| *user == member.user)?;
            let mut windows = windows.clone();
            windows.close(state.top);
            Some(Member { windows, ..member.clone() })
        });
        Ok(GroupUpdate { group: state.group.clone(), members: ended.collect(), change: change.clone() })
    })
}
