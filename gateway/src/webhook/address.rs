//! Which addresses are public. Pure: a table of the special ranges, and the reading of a URL.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Longest address taken, in bytes: what proxies and servers commonly accept.
pub const URL_BYTES_MAX: usize = 2_048;

/// An address that may be posted to as far as its text tells. Names are checked again when they are
/// resolved, at each connect: see [`super::GuardedResolver`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookUrl(Url);

/// Why an address is refused, as a sentence for its owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not a URL.
    #[error(
        "the webhook address is not a URL of at most {URL_BYTES_MAX} bytes: write https://host/path"
    )]
    NotAUrl,
    /// Not HTTP.
    #[error("the webhook address begins with `{0}:`: only https and http are posted to")]
    Scheme(String),
    /// User and password in the address end up in logs.
    #[error(
        "the webhook address holds a user or a password: leave them out, deliveries are signed"
    )]
    Credentials,
    /// Not a public address.
    #[error(
        "the webhook address leads to `{0}`, which is not on the public internet: use a public host"
    )]
    NotPublic(String),
}

impl WebhookUrl {
    /// Reads an address. `allow_loopback` is for receivers on the same machine, as tests have them.
    ///
    /// # Errors
    /// [`Refusal`] for everything that cannot be a public HTTP address.
    pub fn parse(text: &str, allow_loopback: bool) -> Result<Self, Refusal> {
        if text.len() > URL_BYTES_MAX || text.chars().any(char::is_control) {
            return Err(Refusal::NotAUrl);
        }
        let url = Url::parse(text).map_err(|_| Refusal::NotAUrl)?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(Refusal::Scheme(url.scheme().chars().take(16).collect()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::Credentials);
        }
        let is_allowed = match url.host() {
            None => return Err(Refusal::NotAUrl),
            Some(Host::Ipv4(ip)) => is_allowed(IpAddr::V4(ip), allow_loopback),
            Some(Host::Ipv6(ip)) => is_allowed(IpAddr::V6(ip), allow_loopback),
            Some(Host::Domain(name)) => is_public_name(name, allow_loopback),
        };
        if is_allowed {
            Ok(Self(url))
        } else {
            Err(Refusal::NotPublic(
                url.host_str().unwrap_or_default().to_owned(),
            ))
        }
    }

    /// The address.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }
}

/// Whether a connection to this address may be opened.
#[must_use]
pub fn is_allowed(ip: IpAddr, allow_loopback: bool) -> bool {
    is_public(ip) || (allow_loopback && ip.to_canonical().is_loopback())
}

/// Names that never leave a machine or a site (RFC 6761, RFC 8375, RFC 6762, cloud metadata), and
/// names without a dot, which search domains complete.
fn is_public_name(name: &str, allow_loopback: bool) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let is_under = |zone: &str| {
        name == zone
            || name
                .strip_suffix(zone)
                .is_some_and(|rest| rest.ends_with('.'))
    };
    if is_under("localhost") {
        return allow_loopback;
    }
    let is_local = [
        "local",
        "internal",
        "home.arpa",
        "intranet",
        "lan",
        "onion",
        "invalid",
        "test",
    ];
    name.contains('.') && !is_local.into_iter().any(is_under)
}

/// Whether an address is on the public internet: nothing of the IANA special-purpose registries,
/// and nothing that hides a private IPv4 address in an IPv6 one.
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let is_special = match (a, b, c) {
        // This network, private, loopback, link-local with the clouds' metadata, multicast, reserved.
        (0 | 10 | 127 | 224..=255, _, _) | (169, 254, _) | (192, 168, _) | (172, 16..=31, _) => {
            true
        }
        // Carrier-grade NAT 100.64/10; benchmarks 198.18/15.
        (100, 64..=127, _) | (198, 18 | 19, _) => true,
        // Protocol assignments, documentation, 6to4 relays, AS112.
        (192, 0, 0 | 2) | (198, 51, 100) | (203, 0, 113) | (192, 88, 99) | (192, 31, 196) => true,
        (192, 52, 193) | (192, 175, 48) => true,
        _ => false,
    };
    !is_special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let s = ip.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        // Mapped ::ffff:0:0/96 and NAT64 64:ff9b::/96 are as public as what they hold.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            embedded(high, low)
        }
        // 6to4 holds an IPv4 address too.
        [0x2002, high, low, ..] => embedded(high, low),
        // Teredo and other protocol assignments 2001::/23; documentation 2001:db8::/32, 3fff::/20.
        [0x2001, 0..=0x01ff | 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => false,
        // Global unicast is 2000::/3. What is outside is unspecified, loopback, local NAT64
        // 64:ff9b:1::/48, discard 100::/64, unique local fc00::/7 (Fly's fdaa::/16 among it),
        // link-local fe80::/10, multicast ff00::/8, or not given out.
        [first, ..] => (0x2000..=0x3fff).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_not_public() {
        for text in [
            "0.0.0.0",
            "10.0.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "100.64.0.1",
            "100.127.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "192.88.99.1",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd12::1",
            "fdaa:0:1::3",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
            "4000::1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "169.253.0.1",
            "192.167.0.1",
            "198.17.0.1",
            "223.255.255.1",
            "2606:4700::1111",
            "2a00:1450::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn addresses_that_lead_inside_are_refused_however_they_are_written() {
        for text in [
            "http://127.0.0.1/x",
            "http://127.1/x",
            "http://2130706433/",
            "http://0x7f.0.0.1/",
            "http://0177.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:7f00:1]/",
            "http://localhost/",
            "http://LOCALHOST./",
            "http://a.localhost/",
            "http://metadata.google.internal/",
            "http://printer.local/",
            "http://intranet/",
            "http://169.254.169.254/latest/meta-data",
            "https://[fdaa::3]:4280/",
            "http://0/",
            "http://10.1/",
        ] {
            assert!(
                matches!(WebhookUrl::parse(text, false), Err(Refusal::NotPublic(_))),
                "{text}"
            );
        }
        for text in [
            "",
            "example.com",
            "/x",
            "https://",
            "https://a b/",
            "http://exa\nmple.com/",
        ] {
            assert_eq!(
                WebhookUrl::parse(text, true),
                Err(Refusal::NotAUrl),
                "{text}"
            );
        }
        for text in [
            "ftp://example.com/",
            "file:///etc/passwd",
            "gopher://example.com/",
            "javascript:1",
        ] {
            assert!(
                matches!(WebhookUrl::parse(text, true), Err(Refusal::Scheme(_))),
                "{text}"
            );
        }
        assert_eq!(
            WebhookUrl::parse("https://u:p@example.com/", true),
            Err(Refusal::Credentials)
        );
    }

    #[test]
    fn public_addresses_pass_and_loopback_only_where_allowed() {
        for text in [
            "https://example.com/hook",
            "http://example.com:8080/a?b=c",
            "https://8.8.8.8/",
        ] {
            assert!(WebhookUrl::parse(text, false).is_ok(), "{text}");
        }
        for text in [
            "http://127.0.0.1:9/x",
            "http://localhost:9/x",
            "http://[::1]:9/",
        ] {
            assert!(WebhookUrl::parse(text, false).is_err(), "{text}");
            assert!(WebhookUrl::parse(text, true).is_ok(), "{text}");
        }
        assert!(
            WebhookUrl::parse("http://10.0.0.1/", true).is_err(),
            "private is not loopback"
        );
    }
}
