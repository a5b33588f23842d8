//! The sends: every field follows from the send's number, so that a check needs nothing but how many were acked.

/// Conversations that the sends are spread over.
pub const CONVERSATIONS: u64 = 200;
const BODY_BYTES: usize = 400;

/// One send: what its four rows are made of.
pub struct Send {
    pub number: u64,
    pub conversation: u64,
    pub seq: u64,
    pub sender: u64,
    pub body: Vec<u8>,
}

impl Send {
    /// Key of the message: its conversation's messages lie together, in order.
    pub fn message_key(&self) -> [u8; 16] {
        pair(self.conversation, self.seq)
    }

    /// Key of (sender, client_msg_id): 24 bytes, the id in random order, as clients make them.
    pub fn id_key(&self) -> [u8; 24] {
        let mut key = [0; 24];
        key[..8].copy_from_slice(&self.sender.to_be_bytes());
        key[8..16].copy_from_slice(&mix(self.number ^ 0x1d).to_be_bytes());
        key[16..].copy_from_slice(&self.number.to_be_bytes());
        key
    }

    /// Key of the sender's own conversation row.
    pub fn own_key(&self) -> [u8; 16] {
        pair(self.sender, self.conversation)
    }
}

/// Two numbers as one key, ordered by the first, then the second.
pub fn pair(a: u64, b: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&a.to_be_bytes());
    key[8..].copy_from_slice(&b.to_be_bytes());
    key
}

/// Gives the sends in order; seqs are contiguous within each conversation.
pub struct Load {
    next: u64,
    seqs: Vec<u64>,
}

impl Load {
    /// A load that starts behind the first `from` sends.
    pub fn starting_at(from: u64) -> Load {
        let mut seqs = vec![0; CONVERSATIONS as usize];
        (0..from).for_each(|n| seqs[conversation_of(n) as usize] += 1);
        Load { next: from, seqs }
    }

    pub fn take(&mut self, count: usize) -> Vec<Send> {
        (0..count).map(|_| self.one()).collect()
    }

    pub fn one(&mut self) -> Send {
        let number = self.next;
        self.next += 1;
        let conversation = conversation_of(number);
        let seq = &mut self.seqs[conversation as usize];
        *seq += 1;
        Send { number, conversation, seq: *seq, sender: conversation * 2 + number % 2, body: body_of(number) }
    }
}

fn conversation_of(number: u64) -> u64 {
    mix(number) % CONVERSATIONS
}

/// Printable, does not compress much, and differs for every send.
fn body_of(number: u64) -> Vec<u8> {
    let mut state = mix(number ^ 0xb0d7);
    let mut body = Vec::with_capacity(BODY_BYTES + 8);
    while body.len() < BODY_BYTES {
        state = mix(state);
        body.extend(state.to_le_bytes().map(|b| 32 + b % 95));
    }
    body.truncate(BODY_BYTES);
    body
}

/// SplitMix64 (Steele, Lea, Flood 2014): spreads numbers evenly, the same in every process.
pub fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
