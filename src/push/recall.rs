//! From the entries of a log back to what was pushed: messages are read from the store.

use std::sync::Arc;

use super::connection::Parcel;
use super::log::Entry;
use crate::model::{Platform, Push, PushId};
use crate::store::{Messages, StoreError};

/// What `entries` stand for, in order. A message that is not stored, for its seq was given up, is left out.
pub async fn recall(
    messages: &dyn Messages,
    entries: Vec<(PushId, Entry)>,
    origin: Platform,
) -> Result<Vec<(PushId, Arc<Parcel>)>, StoreError> {
    let mut parcels = Vec::with_capacity(entries.len());
    let mut entries = entries.into_iter().peekable();
    while let Some((id, entry)) = entries.next() {
        let (conversation, first) = match entry {
            Entry::Event(parcel) => {
                parcels.push((id, parcel));
                continue;
            }
            Entry::Message { conversation, seq } => (conversation, seq),
        };
        // A run of one conversation's messages is read at once.
        let mut ids = vec![id];
        let follows = |entry: &Entry, seq| matches!(entry, Entry::Message { conversation: other, seq: next } if *other == conversation && *next == seq);
        while let Some((id, _)) = entries.next_if(|(_, entry)| follows(entry, first + ids.len() as u64)) {
            ids.push(id);
        }
        let last = first + ids.len() as u64 - 1;
        for message in messages.at(&conversation, first, last).await? {
            let index = usize::try_from(message.seq - first).unwrap_or(usize::MAX);
            let parcel = Parcel::new(Push::Message { message, origin });
            parcels.extend(ids.get(index).map(|id| (*id, parcel)));
        }
    }
    Ok(parcels)
}
