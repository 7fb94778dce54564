//! Where a request may go（出站地址）: to public addresses, and to networks that are allowed by name.
//!
//! What is judged is the address that is connected to: names are resolved here, each time, and only
//! what passes is handed on, so a name that changes its mind in between leads nowhere.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// A network（网段）, as `10.1.0.0/16`; a bare address is a network of one.
#[doc(alias = "网段")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// A text that is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an address, or a network as 10.1.0.0/16 or fd00::/8")]
pub struct NetworkError;

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_error| NetworkError)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.parse().map_err(|_error| NetworkError)?,
            None => most,
        };
        if bits > most {
            return Err(NetworkError);
        }
        Ok(Self { address, bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl Network {
    fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = 32 - u32::from(self.bits);
                let part = |address: Ipv4Addr| u64::from(address.to_bits()) >> shift;
                part(own) == part(other)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = 128 - u32::from(self.bits);
                let part = |address: Ipv6Addr| address.to_bits().checked_shr(shift).unwrap_or(0);
                part(own) == part(other)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// Whether an address is one of the open network: none of this machine, of a private network, of a
/// link, of many, or kept for something else (IANA's special-purpose registries).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match embedded_v4(address) {
            Some(inner) => is_public_v4(inner),
            None => is_public_v6(address),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_broadcast()
        || address.is_multicast();
    let shared = a == 100 && (64..128).contains(&b);
    let protocols = a == 192 && b == 0 && c == 0;
    let relays = a == 192 && b == 88 && c == 99;
    let benchmarks = a == 198 && (b == 18 || b == 19);
    !(special || a == 0 || shared || protocols || relays || benchmarks || a >= 240)
}

/// Global unicast is 2000::/3; what is set apart within it is left out.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let unicast = a & 0xE000 == 0x2000;
    let documentation = (a == 0x2001 && b == 0x0DB8) || (a == 0x3FFF && b < 0x1000);
    let protocols = a == 0x2001 && b < 0x0200;
    unicast && !documentation && !protocols
}

/// The IPv4 address that an IPv6 address leads to: mapped, compatible, translated (64:ff9b::/96), 6to4.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let joined =
        |high: u16, low: u16| Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low));
    match segments {
        [0, 0, 0, 0, 0, 0 | 0xFFFF, high, low] => Some(joined(high, low)),
        [0x0064, 0xFF9B, 0, 0, 0, 0, high, low] => Some(joined(high, low)),
        [0x2002, high, low, ..] => Some(joined(high, low)),
        _other => None,
    }
}

/// Where an endpoint may lie.
#[derive(Debug, Clone, Default)]
pub(super) struct Reach(pub(super) Vec<Network>);

impl Reach {
    /// Whether a connection may be made: in clear text to allowed networks only.
    fn admits(&self, address: IpAddr, encrypted: bool) -> bool {
        let address = address.to_canonical();
        let allowed = self.0.iter().any(|network| network.holds(address));
        allowed || (encrypted && is_public(address))
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[error(
    "{address} is no address of the open network, or would be asked in clear text; name its network in `allow_networks` if it is meant"
)]
struct Forbidden {
    address: IpAddr,
}

/// Resolves names, and keeps back addresses that must not be connected to.
#[derive(Debug)]
pub(super) struct GuardedResolver {
    pub(super) reach: Reach,
    pub(super) inner: DefaultResolver,
}

impl Resolver for GuardedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        let encrypted = uri.scheme_str() == Some("https");
        let mut kept = self.empty();
        let mut refused = None;
        let all: &[SocketAddr] = &found;
        for socket in all {
            if self.reach.admits(socket.ip(), encrypted) {
                kept.push(*socket);
            } else {
                refused = Some(socket.ip());
            }
        }
        match refused {
            Some(address) if kept.is_empty() => {
                Err(ureq::Error::Other(Box::new(Forbidden { address })))
            }
            Some(_) | None => Ok(kept),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_not_of_the_open_network_are_refused() {
        let closed = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:7f00:1::",
            "2002:c0a8:101::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "64:ff9b:1::1",
            "100::1",
        ];
        let none = Reach::default();
        for text in closed {
            let address: IpAddr = text.parse().unwrap();
            assert!(!none.admits(address, true), "{text}");
        }
        for text in [
            "1.1.1.1",
            "100.128.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "2400:3200::1",
            "64:ff9b::1.1.1.1",
        ] {
            let address: IpAddr = text.parse().unwrap();
            assert!(none.admits(address, true), "{text}");
            assert!(!none.admits(address, false), "{text} in clear text");
        }
    }

    #[test]
    fn an_allowed_network_is_allowed_to_its_edges() {
        let cases = [
            ("10.1.0.0/16", "10.1.255.255", "10.2.0.0"),
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("fd00::/8", "fdff::1", "fc00::1"),
            ("192.168.0.128/25", "192.168.0.129", "192.168.0.127"),
            ("::1/128", "::1", "::2"),
        ];
        for (network, inside, outside) in cases {
            let reach = Reach(vec![network.parse().unwrap()]);
            assert!(
                reach.admits(inside.parse().unwrap(), false),
                "{network} {inside}"
            );
            assert!(
                !reach.admits(outside.parse().unwrap(), true),
                "{network} {outside}"
            );
        }
        let mapped = Reach(vec!["127.0.0.0/8".parse().unwrap()]);
        assert!(mapped.admits("::ffff:127.0.0.1".parse().unwrap(), false));
        let all = Reach(vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()]);
        assert!(all.admits("10.0.0.1".parse().unwrap(), false));
        assert!(all.admits("fe80::1".parse().unwrap(), false));
        for text in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "10.0.0.0/",
            "example.org",
        ] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError), "{text}");
        }
    }
}
