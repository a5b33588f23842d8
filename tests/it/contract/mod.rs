//! What every store promises, and what the rules promise on it: written once, run on each adapter.
//!
//! A function states one promise and takes an open [`store::Store`]; `contract!` runs it on every adapter. The promises of
//! the product are stated where they can be stated best:
//!
//! | promise | tests |
//! |---|---|
//! | 1 an ack means stored | `messages::what_was_acked_is_there_when_the_store_is_opened_again`, `fault::kill`, `fault::disk`, `fault::stop` |
//! | 2 a seq is never given twice | `messages::seqs_start_at_1_and_have_no_holes`, `messages::seqs_go_on_where_they_were_after_a_restart`, `fault::kill` |
//! | 3 a client_msg_id counts once | `messages::a_repeat_returns_the_first`, `messages::of_16_twins_one_is_stored`, `messages::an_id_counts_once_after_a_restart_too`, `fault::kill` |
//! | 4 unread counts are exact | `model::whatever_happens_in_a_group_seqs_windows_and_counts_are_those_of_the_model` |
//! | 5 delivery is at least once, in order, whole or said not to be | `delivery::*` |
//! | 6 a window is a promise | `delivery::a_member_is_pushed_exactly_what_it_can_pull`, `groups::windows_are_copied_to_the_conversations`, `model::*` |
//! | 7 what is not in the store is disposable | `disposable::*` |
//! | 8 a hole is final | `visible::whoever_sees_a_seq_sees_all_below_it` |
//! | 9 everything is bounded | `bounds::*`, `limits::*`, `fault::crowd`, `fault::logins` |

mod bounds;
mod conversations;
mod delivery;
mod disposable;
mod groups;
mod house;
mod limits;
mod messages;
mod model;
mod nodes;
mod sessions;
mod store;
mod users;
mod visible;

/// One `#[test]` per adapter out of each `async fn promise(store: Store)`.
macro_rules! contract {
    ($(
        $(#[$meta:meta])*
        async fn $name:ident($($store:tt)*) $body:block
    )+) => {$(
        $(#[$meta])*
        async fn $name($($store)*) $body

        mod $name {
            #[test]
            fn embedded() {
                $crate::contract::store::run($crate::contract::store::Adapter::Embedded, super::$name);
            }

            #[test]
            fn cluster() {
                $crate::contract::store::run($crate::contract::store::Adapter::Cluster, super::$name);
            }
        }
    )+};
}
use contract;
