//! The database of one conversation: linear where the product asks for that, and elsewhere as late and as partial as it may be.

use std::collections::BTreeMap;

use nexo::store::cluster::seqs::{Blocks, Change, MsgId, Row, Settlement, Tried};

use super::dice::Dice;
use super::guards::Guard;

/// A plain write.
#[derive(Debug, Clone)]
pub(super) enum Plain {
    Row(Row),
    Id(MsgId, u64),
    /// Raises a sender's read_seq.
    Mark(usize, u64),
}

/// A conditional write.
#[derive(Debug, Clone)]
pub(super) enum Conditional {
    Change(Change),
    Settle(Settlement),
}

/// What is on its way, and lands whenever it likes.
#[derive(Debug, Clone)]
pub(super) enum Late {
    Plain(Plain),
    Conditional(Conditional),
}

#[derive(Default)]
pub(super) struct Database {
    pub(super) blocks: Blocks,
    /// Rows by seq and id, and whether a quorum has them: until then a reader may see them or not.
    rows: BTreeMap<(u64, MsgId), (Row, bool)>,
    ids: BTreeMap<(MsgId, u64), bool>,
    /// Marks by sender and seq, of which the highest wins.
    marks: BTreeMap<(usize, u64), bool>,
    pub(super) late: Vec<Late>,
}

/// Whether a reader sees it. Once seen it stays seen: a read at quorum repairs what it found.
fn seen(quorum: &mut bool, dice: &mut Dice) -> bool {
    *quorum = *quorum || dice.chance(1, 2);
    *quorum
}

impl Database {
    pub(super) fn write(&mut self, plain: Plain, quorum: bool) {
        match plain {
            Plain::Row(row) => self.rows.entry((row.seq, row.id.clone())).or_insert((row, false)).1 |= quorum,
            Plain::Id(id, seq) => *self.ids.entry((id, seq)).or_insert(false) |= quorum,
            Plain::Mark(sender, seq) => *self.marks.entry((sender, seq)).or_insert(false) |= quorum,
        }
    }

    /// Two different messages under one seq, if there are such.
    pub(super) fn shared_seq(&self) -> Option<u64> {
        let seqs: Vec<u64> = self.rows.keys().map(|(seq, _)| *seq).collect();
        seqs.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
    }

    pub(super) fn rows(&mut self, first: u64, last: u64, dice: &mut Dice) -> Vec<Row> {
        let inside = self.rows.values_mut().filter(|(row, _)| (first..=last).contains(&row.seq));
        inside.filter_map(|(row, quorum)| seen(quorum, dice).then(|| row.clone())).collect()
    }

    fn row(&mut self, seq: u64, id: &MsgId, dice: &mut Dice) -> Option<Row> {
        let (row, quorum) = self.rows.get_mut(&(seq, id.clone()))?;
        seen(quorum, dice).then(|| row.clone())
    }

    /// The rows of this id at these seqs.
    pub(super) fn rows_of(&mut self, id: &MsgId, seqs: &[u64], dice: &mut Dice) -> Vec<Row> {
        seqs.iter().filter_map(|&seq| self.row(seq, id, dice)).collect()
    }

    /// Where `message_ids` has this id.
    pub(super) fn tried(&mut self, id: &MsgId, dice: &mut Dice) -> Vec<u64> {
        let of = self.ids.iter_mut().filter(|((tried, _), _)| tried == id);
        of.filter_map(|((_, seq), quorum)| seen(quorum, dice).then_some(*seq)).collect()
    }

    /// A sender's read_seq.
    pub(super) fn read_seq(&mut self, sender: usize, dice: &mut Dice) -> u64 {
        let of = self.marks.iter_mut().filter(|((marked, _), _)| *marked == sender);
        of.filter_map(|((_, seq), quorum)| seen(quorum, dice).then_some(*seq)).max().unwrap_or(0)
    }

    /// Where `message_ids` has these ids, and which of it `messages` has.
    pub(super) fn tried_all(&mut self, ids: &[MsgId], dice: &mut Dice) -> Vec<Tried> {
        let mut all = Vec::new();
        for id in ids {
            for seq in self.tried(id, dice) {
                all.push(Tried { id: id.clone(), seq, stored: self.row(seq, id, dice).is_some() });
            }
        }
        all
    }

    /// Applies a conditional write, if its condition holds or its guard is out.
    pub(super) fn apply(&mut self, write: &Conditional, out: Option<Guard>) -> bool {
        let head = &mut self.blocks.head;
        match write {
            Conditional::Change(change) => {
                let of = |head: &nexo::store::cluster::seqs::Head| (head.ceiling, head.settled, head.fence);
                let holds = of(head) == of(&change.before) || out == Some(Guard::GrantIfUnchanged);
                if holds {
                    *head = change.after;
                }
                holds
            }
            Conditional::Settle(settlement) => {
                let fence = head.fence == settlement.fence || out == Some(Guard::SettleIfFence);
                let settled = head.settled == settlement.from || out == Some(Guard::SettleIfSettled);
                if fence && settled {
                    head.settled = head.settled.max(settlement.to);
                    settlement.gaps.iter().for_each(|&gap| self.blocks.gaps.add(gap));
                }
                fence && settled
            }
        }
    }

    /// Whether a quorum has the row of a seq.
    pub(super) fn has_row(&self, seq: u64) -> bool {
        self.rows.values().any(|(row, quorum)| row.seq == seq && *quorum)
    }
}
