//! Servers that demand TLS and a password: a node works with them as it should, or does not start and says why.

mod cql;
mod redis;

use crate::support::Launch;

/// The sentence with which a node does not start.
async fn refusal(launch: &Launch) -> String {
    let before = launch.log().len();
    let (code, log) = launch.try_start().await.err().expect("it must not start");
    let log = &log[before..];
    assert_eq!(code, Some(1), "{log}");
    // Everything else on stderr is log lines.
    let sentence = log.lines().find(|line| !line.starts_with('{')).unwrap_or_else(|| panic!("no sentence in {log}"));
    assert!(!log.contains("secret-9") && !log.contains("secret/"), "a password is told: {log}");
    sentence.to_owned()
}
