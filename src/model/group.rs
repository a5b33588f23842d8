//! Groups, their members, and the moment at which a rule looks at them.

use super::{GroupChange, GroupId, UserId, Windows};

/// Whether a group lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum GroupStatus {
    /// Open for messages and changes.
    Normal = 1,
    /// Over: its members keep their history, nothing is sent or changed any more.
    Dismissed = 2,
}

/// What a member may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Role {
    /// Reads and sends.
    Member = 1,
    /// Also updates the group and kicks members.
    Admin = 2,
    /// Also gives roles, transfers and dismisses; one per group.
    Owner = 3,
}

/// Whether a member is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum MemberStatus {
    /// In the group.
    Active = 1,
    /// Left by itself.
    Quit = 2,
    /// Was removed.
    Kicked = 3,
}

/// How a group's messages reach its members. It only moves on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Fanout {
    /// Through the log of each member.
    #[default]
    Members = 0,
    /// Both ways, while the nodes learn which of their users are members.
    Both = 1,
    /// Once for each node that has members.
    Nodes = 2,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// How its messages reach its members. The store decides, by how large the group ever was.
    pub fanout: Fanout,
    /// What its owner and admins may edit.
    pub fields: GroupFields,
    /// Whether it lives.
    pub status: GroupStatus,
    /// Who made it.
    pub creator: UserId,
    /// Who owns it now.
    pub owner: UserId,
    /// How many members are in.
    pub member_count: u64,
    /// The number that the next new member gets.
    pub next_member_id: u64,
    /// When it was made.
    pub created_at_ms: i64,
    /// When it or its members last changed.
    pub updated_at_ms: i64,
}

/// What a group is called and looks like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupFields {
    /// Its name.
    pub name: String,
    /// What it is about, or empty.
    pub introduction: String,
    /// URL of a picture, or empty.
    pub avatar: String,
}

/// Somebody who is or was in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its number in the group, from 1 in the order of first joining; kept when it comes back.
    pub id: u64,
    /// Who it is.
    pub user: UserId,
    /// What it is called in this group, or empty.
    pub nickname: String,
    /// What it may do.
    pub role: Role,
    /// Whether it is in.
    pub status: MemberStatus,
    /// When it joined, the last time.
    pub joined_at_ms: i64,
    /// Who brought it in, if anybody.
    pub inviter: Option<UserId>,
    /// The seqs that it may see.
    pub windows: Windows,
}

impl Member {
    /// Whether it is in.
    pub fn is_active(&self) -> bool {
        self.status == MemberStatus::Active
    }
}

/// A group at one moment, with the members that a rule asked for: what it decides on.
#[derive(Debug, Clone)]
pub struct GroupState {
    /// The group.
    pub group: Group,
    /// The rows of the users that were asked for, in that order; `None` for one that never was a member.
    pub members: Vec<Option<Member>>,
    /// The highest seq given out in the group's conversation.
    pub top: u64,
}

/// What a rule decided: the group and the members that it changes, as they shall be.
#[derive(Debug, Clone)]
pub struct GroupUpdate {
    /// The group.
    pub group: Group,
    /// The members that changed or are new.
    pub members: Vec<Member>,
    /// What the members are told.
    pub change: GroupChange,
}
