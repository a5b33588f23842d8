//! What `tests/services` started, from the environment; and what a test says that is left out for want of it.

use std::io::Write as _;

/// Something that is not there on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// A CQL database; found as `host:port`.
    Cql,
    /// A CQL database of three nodes, one of which may be killed; found as `host:port,host:port,host:port`.
    ThreeNodes,
    /// A CQL database that demands TLS and a password; found as `host:port`.
    SecuredCql,
    /// A PEM file with the authority that signed its certificate; found as its path.
    SecuredCqlAuthority,
    /// One Redis server; found as a URL.
    Redis,
    /// A Redis master with a replica, behind a Sentinel; found as a URL.
    Sentinel,
    /// A Redis Cluster of three masters; found as a URL.
    RedisCluster,
    /// Redis as a program, for a server of the test's own; found as its path.
    RedisProgram,
    /// The program `openssl`, for certificates of the test's own; found as its path.
    OpenSsl,
    /// The program `strace`, to count what a server asks of the kernel; found as its path.
    Strace,
    /// The program `haproxy`, a balancer in front of a test's servers; found as its path.
    HaProxy,
    /// The program `promtool` of Prometheus, which checks metrics and rules; found as its path.
    Promtool,
}

impl Need {
    /// Every need.
    pub(crate) const ALL: [Need; 12] = [
        Need::Cql,
        Need::ThreeNodes,
        Need::SecuredCql,
        Need::SecuredCqlAuthority,
        Need::Redis,
        Need::Sentinel,
        Need::RedisCluster,
        Need::RedisProgram,
        Need::OpenSsl,
        Need::Strace,
        Need::HaProxy,
        Need::Promtool,
    ];

    fn words(self) -> &'static str {
        match self {
            Need::Cql => "a CQL database",
            Need::ThreeNodes => "a CQL database of three nodes",
            Need::SecuredCql => "a CQL database with TLS and passwords",
            Need::SecuredCqlAuthority => "its certificate authority",
            Need::Redis => "Redis",
            Need::Sentinel => "Redis with Sentinel",
            Need::RedisCluster => "a Redis Cluster",
            Need::RedisProgram => "redis-server",
            Need::OpenSsl => "openssl",
            Need::Strace => "strace",
            Need::HaProxy => "haproxy",
            Need::Promtool => "promtool",
        }
    }

    /// Where it is, if it is there.
    pub(crate) fn found(self) -> Option<String> {
        let variable = match self {
            Need::Cql => "NEXO_TEST_CQL",
            Need::ThreeNodes => "NEXO_TEST_CQL_THREE",
            Need::SecuredCql => "NEXO_TEST_CQL_SECURED",
            Need::SecuredCqlAuthority => "NEXO_TEST_CQL_SECURED_CA",
            Need::Redis => "NEXO_TEST_REDIS",
            Need::Sentinel => "NEXO_TEST_REDIS_SENTINEL",
            Need::RedisCluster => "NEXO_TEST_REDIS_CLUSTER",
            Need::RedisProgram => return program("redis-server"),
            Need::OpenSsl => return program("openssl"),
            Need::Strace => return program("strace"),
            Need::HaProxy => return program("haproxy"),
            Need::Promtool => return program("promtool"),
        };
        std::env::var(variable).ok().filter(|value| !value.is_empty())
    }
}

fn program(name: &str) -> Option<String> {
    let folders = std::env::var_os("PATH")?;
    // Debian keeps servers out of the way of those who are not root.
    let folders = std::env::split_paths(&folders).chain(["/usr/sbin".into()]);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file())?;
    Some(found.display().to_string())
}

/// Where each of `needs` is. `None`: one of them is not there, the test is left out and that was said.
///
/// Under `NEXO_TEST_ALL`, by which `tests/run` says that all is there, it fails the test instead.
pub(crate) fn needs<const N: usize>(needs: [Need; N]) -> Option<[String; N]> {
    let found = needs.map(Need::found);
    let missing: Vec<Need> =
        needs.into_iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(need, _)| need).collect();
    if missing.is_empty() {
        return Some(found.map(|found| found.expect("none is missing")));
    }
    let thread = std::thread::current();
    let line = left_out(thread.name().unwrap_or("a test"), &missing);
    assert!(std::env::var_os("NEXO_TEST_ALL").is_none(), "{line}");
    // Not by eprintln!, which the test harness keeps to itself if a test passes. Nobody may be listening.
    writeln!(std::io::stderr(), "{line}").ok();
    None
}

/// What is said of a test that is left out.
pub(crate) fn left_out(test: &str, missing: &[Need]) -> String {
    let words: Vec<&str> = missing.iter().map(|need| need.words()).collect();
    format!("left out: {test} needs {}: tests/run starts what it needs", words.join(" and "))
}
