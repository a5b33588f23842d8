//! What the push path promises across nodes: nodes that differ in nothing, in one process, over a real Redis.

mod chaos;
mod client;
mod deployment;
mod faults;
mod live;
mod logs;
mod several;

/// One `#[test]` out of each `async fn promise(deployment: Deployment)`.
macro_rules! across_nodes {
    ($(
        $(#[$meta:meta])*
        async fn $name:ident($($deployment:tt)*) $body:block
    )+) => {$(
        $(#[$meta])*
        #[test]
        fn $name() {
            async fn promise($($deployment)*) $body
            $crate::contract::nodes::deployment::run(promise);
        }
    )+};
}
use across_nodes;
