//! Groups and their members in the embedded store.

use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;

use super::batch::Tx;
use super::conversations::extent;
use super::keys::Table;
use super::rows::{self, ConversationRow, GroupRow, MemberRow};
use super::tables::View;
use super::{Embedded, keys};
use crate::error::Error;
use crate::model::{Conversation, ConversationId, Group, GroupId, GroupState, GroupUpdate, Member, UserId, Windows};
use crate::store::{GroupRule, Groups, OnCommit, StoreError};

#[async_trait]
impl Groups for Embedded {
    async fn create(&self, update: GroupUpdate, committed: OnCommit<GroupUpdate>) -> Result<bool, StoreError> {
        let create = move |tx: &mut Tx<'_>| {
            if tx.get(&keys::group(update.group.id))?.is_some() {
                return Ok(None);
            }
            store(tx, &update)?;
            Ok(Some(update))
        };
        let hook = |update: &Option<GroupUpdate>| {
            if let Some(update) = update {
                committed(update);
            }
        };
        Ok(self.writer.change(create, Some(Box::new(hook))).await?.is_some())
    }

    async fn change(
        &self,
        group: GroupId,
        users: Vec<UserId>,
        rule: GroupRule,
        committed: OnCommit<GroupUpdate>,
    ) -> Result<Option<Result<Group, Error>>, StoreError> {
        let (refused, refusal) = tokio::sync::oneshot::channel();
        let change = move |tx: &mut Tx<'_>| {
            let Some(state) = state(tx, group, &users)? else { return Ok(Decision::NoGroup) };
            match rule(&state) {
                Ok(update) => {
                    store(tx, &update)?;
                    Ok(Decision::Changed(Arc::new(update)))
                }
                Err(error) => {
                    // A caller that has gone away wants no answer.
                    let _ = refused.send(error);
                    Ok(Decision::Refused)
                }
            }
        };
        let hook = |decision: &Decision| {
            if let Decision::Changed(update) = decision {
                committed(update);
            }
        };
        match self.writer.change(change, Some(Box::new(hook))).await? {
            Decision::NoGroup => Ok(None),
            Decision::Changed(update) => Ok(Some(Ok(update.group.clone()))),
            Decision::Refused => {
                let lost = |_| StoreError::Unavailable("the rule's answer was lost".to_owned());
                refusal.await.map(|error| Some(Err(error))).map_err(lost)
            }
        }
    }

    async fn find(&self, group: GroupId) -> Result<Option<Group>, StoreError> {
        let row = self.core.view().await?.get(&keys::group(group))?;
        row.map(|row| rows::decode::<GroupRow>(&row)?.into_group(group)).transpose()
    }

    async fn member(&self, group: GroupId, user: &UserId) -> Result<Option<Member>, StoreError> {
        let row = self.core.view().await?.get(&keys::member(group, user))?;
        row.map(|row| rows::decode::<MemberRow>(&row)?.into_member(user.clone())).transpose()
    }

    async fn seats(&self, group: GroupId, users: &[UserId]) -> Result<(u64, Vec<Windows>), StoreError> {
        let mut seats = Vec::with_capacity(users.len());
        for user in users {
            let member = self.member(group, user).await?;
            seats.push(member.map_or_else(Windows::none, |member| member.windows));
        }
        Ok((0, seats))
    }

    async fn members(&self, group: GroupId, after: u64, limit: usize) -> Result<Vec<Member>, StoreError> {
        self.read_much(move |view| members(view, group, after, limit)).await
    }
}

/// What became of a change.
#[derive(Clone)]
enum Decision {
    NoGroup,
    Refused,
    Changed(Arc<GroupUpdate>),
}

fn state(tx: &Tx<'_>, group: GroupId, users: &[UserId]) -> Result<Option<GroupState>, StoreError> {
    let Some(row) = tx.get(&keys::group(group))? else { return Ok(None) };
    let group_row = rows::decode::<GroupRow>(&row)?.into_group(group)?;
    let member = |user: &UserId| {
        let row = tx.get(&keys::member(group, user))?;
        row.map(|row| rows::decode::<MemberRow>(&row)?.into_member(user.clone())).transpose()
    };
    let members = users.iter().map(member).collect::<Result<_, StoreError>>()?;
    let top = extent(tx.get(&keys::head(&ConversationId::Group(group)))?.as_deref())?.max_seq;
    Ok(Some(GroupState { group: group_row, members, top }))
}

/// Writes what a rule decided.
fn store(tx: &mut Tx<'_>, update: &GroupUpdate) -> Result<(), StoreError> {
    let id = update.group.id;
    tx.put(keys::group(id), &GroupRow::of(&update.group))?;
    for member in &update.members {
        tx.put(keys::member(id, &member.user), &MemberRow::of(member))?;
        if member.is_active() {
            tx.put(keys::roster(id, member.id), &member.user.as_str())?;
        } else {
            tx.delete(keys::roster(id, member.id));
        }
        store_view(tx, id, member)?;
    }
    Ok(())
}

/// Keeps the member's own view of the conversation in step with its windows.
fn store_view(tx: &mut Tx<'_>, group: GroupId, member: &Member) -> Result<(), StoreError> {
    let id = ConversationId::Group(group);
    let key = keys::conversation(&member.user, &id);
    let conversation = match tx.get(&key)? {
        Some(row) => {
            let mut conversation = rows::decode::<ConversationRow>(&row)?.into_conversation(id)?;
            conversation.windows = member.windows.clone();
            conversation.joined_at_ms = member.joined_at_ms;
            conversation
        }
        None => Conversation::new(id, member.windows.clone(), member.joined_at_ms),
    };
    tx.put(key, &ConversationRow::of(&conversation))
}

fn members(view: &View, group: GroupId, after: u64, limit: usize) -> Result<Vec<Member>, StoreError> {
    let first = Bound::Excluded(keys::roster(group, after).bytes);
    let last = Bound::Included(keys::roster(group, u64::MAX).bytes);
    let mut found = Vec::new();
    for row in view.range(Table::Roster, (first, last)).take(limit) {
        let (_, row) = row?;
        let user = UserId::parse(rows::decode::<&str>(&row)?);
        let user = user.ok_or_else(|| StoreError::Corrupt("a roster holds no valid user id".to_owned()))?;
        let row = view.get(&keys::member(group, &user))?;
        let row = row.ok_or_else(|| StoreError::Corrupt(format!("group {group} lacks the row of a member")))?;
        found.push(rows::decode::<MemberRow>(&row)?.into_member(user)?);
    }
    Ok(found)
}
