//! Proxies that are believed when they say for whom they ask.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// The networks of proxies that are trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Who asks: the peer, or if that is a trusted proxy, the last of `hops` (as in `X-Forwarded-For`) that is none. What stands
    /// before that one may be anybody's invention.
    pub fn client<'a>(&self, peer: IpAddr, hops: impl DoubleEndedIterator<Item = &'a str>) -> IpAddr {
        let mut client = peer.to_canonical();
        for hop in hops.rev() {
            if !self.trusts(client) {
                break;
            }
            let Some(address) = address(hop.trim()) else { break };
            client = address;
        }
        client
    }

    /// Whether a peer is one of them.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&peer.to_canonical()))
    }
}

impl TryFrom<String> for Proxies {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        let network = |word: &str| {
            let parsed = word.parse().or_else(|_| word.parse::<IpAddr>().map(IpNet::from));
            parsed.map_err(|_| format!("expects addresses and networks such as 10.0.0.0/8, not {word}"))
        };
        words.map(network).collect::<Result<_, _>>().map(Self)
    }
}

impl From<Proxies> for String {
    fn from(Proxies(networks): Proxies) -> Self {
        networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }
}

/// An address, perhaps in brackets or with a port.
fn address(hop: &str) -> Option<IpAddr> {
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    let parsed = bare.parse().or_else(|_| hop.parse().map(|address: SocketAddr| address.ip()));
    parsed.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(text: &str) -> Proxies {
        Proxies::try_from(text.to_owned()).expect("proxies")
    }

    fn client(text: &str, peer: &str, hops: &str) -> String {
        proxies(text).client(peer.parse().expect("an address"), hops.split(',')).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        assert_eq!(client("", "10.0.0.1", "1.2.3.4"), "10.0.0.1");
        assert_eq!(client("10.0.0.0/8", "9.9.9.9", "1.2.3.4"), "9.9.9.9");
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", "1.2.3.4"), "1.2.3.4");
        assert_eq!(client("10.0.0.1", "::ffff:10.0.0.1", "1.2.3.4"), "1.2.3.4", "IPv4 on an IPv6 socket");
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", ""), "10.0.0.1");
    }

    #[test]
    fn what_a_client_invented_counts_for_nothing() {
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", "6.6.6.6, 1.2.3.4"), "1.2.3.4");
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", "6.6.6.6,1.2.3.4, 10.0.0.2"), "1.2.3.4", "two proxies");
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", "6.6.6.6, unknown, 10.0.0.2"), "10.0.0.2");
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", "10.0.0.3, 10.0.0.2"), "10.0.0.3", "proxies all the way");
    }

    #[test]
    fn addresses_come_with_ports_and_in_brackets() {
        for (hop, expected) in
            [("1.2.3.4:567", "1.2.3.4"), ("[2001:db8::1]:567", "2001:db8::1"), ("[2001:db8::1]", "2001:db8::1")]
        {
            assert_eq!(client("10.0.0.1", "10.0.0.1", hop), expected);
        }
        assert_eq!(String::from(proxies("10.0.0.1, 10.1.0.0/16")), "10.0.0.1/32,10.1.0.0/16");
        for wrong in ["10.0.0.0/33", "proxy", "10.0.0.1;10.0.0.2"] {
            let error = Proxies::try_from(wrong.to_owned()).expect_err(wrong);
            assert!(error.starts_with("expects"), "{error}");
        }
    }
}
