//! Pushes of large groups: they come to this node once, and are told to the members who have a seat here.
//!
//! The node says in Redis that it has members of the group before the first of them is answered, and again in each round. What does
//! not come all the same is found when the node compares what it delivered with what is stored.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};

use super::seats::{Next, Offered, Told};
use super::{ClusterBus, Place};
use crate::model::{ConversationId, GroupChange, GroupId, Message, Platform, Push, Windows};
use crate::push::connection::Parcel;
use crate::push::presence::{Audience, Presence};
use crate::store::{StoreError, Subscription};

/// The pause before what members may see is read again.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// The most messages that a comparison brings, and a newcomer is told of; with more, clients come back and recover.
const COMPARED_MAX: usize = 1_000;
const NEWCOMER_MAX: u64 = 256;

/// Messages that are read from the store at once.
const CHUNK: usize = 64;

/// In so many rounds each group is compared once, and its nodes told of this one.
const COMPARE_ROUNDS: u64 = 10;
const SIT_ROUNDS: u64 = 20;

impl ClusterBus {
    /// Has a user take its seats in the large groups that it is in now, and no others. One that `moved` while it was here is told
    /// of what came before it had its seat.
    pub(super) async fn take_seats(
        &self,
        presence: &Arc<Presence<Place>>,
        subscriptions: &[Subscription],
        moved: bool,
    ) -> Result<(), StoreError> {
        let by_node = subscriptions.iter().filter(|subscription| subscription.windows.is_open());
        let by_node: Vec<_> = by_node.filter_map(|of| Some((of.conversation.group()?, &of.windows, of.by_node?))).collect();
        let kept: BTreeSet<GroupId> = by_node.iter().map(|(group, ..)| *group).collect();
        let before = std::mem::replace(&mut presence.state.lock().log.groups, kept.clone());
        self.seats.leave(presence, &before, &kept);
        try_join_all(by_node.into_iter().map(|(group, windows, version)| async move {
            let taken = self.seats.take(group, presence, (windows.clone(), version));
            taken.sat.get_or_try_init(|| self.open_hall(group)).await?;
            if moved && taken.is_new { self.tell_newcomer(presence, group, windows).await } else { Ok(()) }
        }))
        .await
        .map(drop)
    }

    /// Reads which groups a user is in, and has it take its seats.
    pub(super) async fn look_at_groups(&self, presence: &Arc<Presence<Place>>) -> Result<(), StoreError> {
        let moved = presence.state.lock().log.looks(self.roster.clock.steady_ms());
        let looked = match self.conversations.subscriptions(&presence.user).await {
            Ok(subscriptions) => self.take_seats(presence, &subscriptions, moved).await,
            Err(error) => Err(error),
        };
        if looked.is_err() {
            presence.state.lock().log.must_look(moved);
        }
        looked
    }

    /// In this order: everything above the conversation's maximum is told to this node, and the rest can be pulled.
    async fn open_hall(&self, group: GroupId) -> Result<(), StoreError> {
        self.group_nodes.sit(group).await?;
        let extent = self.messages.extent(&ConversationId::Group(group)).await?;
        self.seats.begin(group, extent.max_seq);
        Ok(())
    }

    /// Tells a newcomer of everything that its node heard of, or opened the group with, before it had its seat.
    async fn tell_newcomer(
        &self,
        presence: &Arc<Presence<Place>>,
        group: GroupId,
        windows: &Windows,
    ) -> Result<(), StoreError> {
        let top = self.seats.top(group);
        let after = windows.stays().last().map_or(top, |stay| stay.after);
        if top.saturating_sub(after) > NEWCOMER_MAX {
            self.break_chain(presence, None);
            return Ok(());
        }
        let messages = self.messages.at(&ConversationId::Group(group), after + 1, top).await?;
        // It may have left again, before some of them were sent.
        let (_, seats) = self.groups.seats(group, std::slice::from_ref(&presence.user)).await?;
        let sees = |message: &Arc<Message>| seats.iter().any(|windows| windows.contains(message.seq));
        for message in messages.into_iter().filter(sees) {
            self.tell_members(&Told::again(message, 0), &[Arc::clone(presence)]);
        }
        Ok(())
    }

    /// Takes a message for the members of a group who are here; `false` if there is no room for it.
    pub(super) fn take_group_message(self: &Arc<Self>, told: Told) -> bool {
        let Some(group) = told.message.conversation.group() else { return true };
        match self.seats.offer(group, told.clone()) {
            Offered::Nothing => {}
            Offered::Full => return false,
            Offered::Tell(audience) => self.tell_members(&told, &audience),
            Offered::Read => {
                let bus = Arc::clone(self);
                tokio::spawn(async move { bus.read_seats(group).await });
            }
        }
        true
    }

    /// Reads what members may see, and tells them what waits for that.
    async fn read_seats(&self, group: GroupId) {
        loop {
            match self.seats.next(group) {
                Next::Tell(told, audience) => self.tell_members(&told, &audience),
                Next::Done => return,
                Next::Read(users, needed) => {
                    let read = self.groups.seats(group, &users).await;
                    let is_old = !matches!(&read, Ok((version, _)) if *version >= needed);
                    if let Ok((version, windows)) = read {
                        self.seats.read(group, version, users.into_iter().zip(windows).collect());
                    }
                    if is_old {
                        tokio::time::sleep(AGAIN_AFTER).await;
                    }
                }
            }
        }
    }

    /// Tells these members. Their frames have the place in their log that was delivered last: large groups are not logged.
    fn tell_members(&self, told: &Told, audience: &[Arc<Presence<Place>>]) {
        let Told { message, origin, trace, .. } = told;
        let lag_ms = (self.roster.clock.now_ms() - message.send_at_ms).max(0);
        self.metrics().between.lag.observe(lag_ms as f64 / 1_000.0);
        let push = Push::Message { message: Arc::clone(message), origin: origin.unwrap_or(Platform::Web) };
        let parcel = trace.enter(|| Parcel::new(push));
        let crowd = self.roster.crowd(audience.len());
        for presence in audience {
            let except = origin.filter(|_| presence.user == message.sender);
            let told = {
                let state = presence.state.lock();
                match state.log.delivered().filter(|_| state.wants(parcel.push())) {
                    // Whoever has no place yet pulls all of that.
                    None => continue,
                    Some(at) => state.tell(&parcel, at, Audience { except, events: false, crowd: crowd.as_ref() }),
                }
            };
            self.roster.count(&presence.user, told, &parcel);
        }
    }

    /// Tells the members of a group who are here of a change. Those whom it was done to are told through their logs.
    pub(super) fn tell_group_event(&self, change: &Arc<GroupChange>) {
        let parcel = Parcel::new(Push::Group(Arc::clone(change)));
        let members = self.seats.members(change.group);
        let crowd = self.roster.crowd(members.len());
        for presence in members {
            if change.users.contains(&presence.user) {
                continue;
            }
            let told = {
                let state = presence.state.lock();
                let at = state.log.delivered();
                at.map(|at| state.tell(&parcel, at, Audience { except: None, events: true, crowd: crowd.as_ref() }))
            };
            told.into_iter().for_each(|told| self.roster.count(&presence.user, told, &parcel));
        }
    }

    /// Says again which groups have members here, and finds what was not delivered to them, each in its round.
    pub(super) async fn keep_groups(self: &Arc<Self>, round: u64) {
        let work = self.seats.groups().into_iter().map(|(group, is_early)| async move {
            let in_turn = |rounds: u64| group.number() % rounds == round % rounds;
            let sits = async { if in_turn(SIT_ROUNDS) { self.sit_again(group).await } else { Ok(()) } };
            let compares = async { if is_early || in_turn(COMPARE_ROUNDS) { self.compare(group).await } else { Ok(()) } };
            if let Err(error) = sits.await.and(compares.await) {
                tracing::debug!(%group, %error, "group {group} is looked after later: {error}");
            }
        });
        join_all(work).await;
    }

    async fn sit_again(&self, group: GroupId) -> Result<(), StoreError> {
        if !self.group_nodes.sit(group).await? {
            self.metrics().between.repairs.with_label_values(&["route"]).inc();
        }
        Ok(())
    }

    /// Brings what was not delivered of the part of a conversation that is final.
    async fn compare(self: &Arc<Self>, group: GroupId) -> Result<(), StoreError> {
        let conversation = ConversationId::Group(group);
        let extent = self.messages.extent(&conversation).await?;
        let is_gap = |seq| extent.gaps.iter().any(|(first, last)| (*first..=*last).contains(&seq));
        let missing = self.seats.missing(group, extent.max_seq, COMPARED_MAX + 1, is_gap);
        if missing.len() > COMPARED_MAX {
            self.seats.members(group).iter().for_each(|presence| self.break_chain(presence, None));
        } else if !missing.is_empty() {
            self.metrics().between.repairs.with_label_values(&["group"]).inc();
            let members = self.seats.members(group);
            let users: Vec<_> = members.iter().take(1).map(|presence| presence.user.clone()).collect();
            let (version, _) = self.groups.seats(group, &users).await?;
            for chunk in missing.chunks(CHUNK) {
                let (first, last) = (chunk[0], chunk[chunk.len() - 1]);
                let mut found = self.messages.at(&conversation, first, last).await?;
                found.retain(|message| chunk.contains(&message.seq));
                for message in found {
                    if !self.take_group_message(Told::again(message, version)) {
                        return Ok(());
                    }
                }
            }
        }
        self.seats.finish(group, extent.max_seq);
        Ok(())
    }
}
