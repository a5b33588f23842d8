//! The port of groups and their members.

use async_trait::async_trait;

use super::{OnCommit, StoreError};
use crate::error::Error;
use crate::model::{Group, GroupId, GroupState, GroupUpdate, Member, UserId, Windows};

/// A rule that decides on a change of a group, from its state alone. It may be asked more than once.
pub type GroupRule = Box<dyn Fn(&GroupState) -> Result<GroupUpdate, Error> + Send + Sync>;

/// Groups and their members. Every change of one group is linear: it is decided on the state that the one before left.
#[async_trait]
pub trait Groups: Send + Sync {
    /// Stores a new group with its members, and the group's conversation in the list of each of them, all or nothing.
    /// `false`, and nothing is written, if the id is taken.
    async fn create(&self, update: GroupUpdate, committed: OnCommit<GroupUpdate>) -> Result<bool, StoreError>;

    /// Lets `rule` decide on the group's state, with the rows of `users`, and stores what it decides: the group, the
    /// members, and a copy of their windows in their conversations, all or nothing. Answers the group as it is then, or the
    /// rule's refusal; `None` if there is no such group.
    async fn change(
        &self,
        group: GroupId,
        users: Vec<UserId>,
        rule: GroupRule,
        committed: OnCommit<GroupUpdate>,
    ) -> Result<Option<Result<Group, Error>>, StoreError>;

    /// The group with this id.
    async fn find(&self, group: GroupId) -> Result<Option<Group>, StoreError>;

    /// The row of one who is or was a member.
    async fn member(&self, group: GroupId, user: &UserId) -> Result<Option<Member>, StoreError>;

    /// What these users may see of a group, in their order; nothing for one that never was a member. Of a store whose groups have
    /// versions, with one that the group had when it was so, or an earlier one.
    async fn seats(&self, group: GroupId, users: &[UserId]) -> Result<(u64, Vec<Windows>), StoreError>;

    /// The members who are in, by id, those above `after`, at most `limit`.
    async fn members(&self, group: GroupId, after: u64, limit: usize) -> Result<Vec<Member>, StoreError>;
}
