//! The origin for which a request is, read from its target (RFC 9112 §3.2).

use std::fmt;

pub use url::Host;

use super::h1::{Form, RequestTarget};

/// The scheme of an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

impl Scheme {
    /// The scheme's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port if none is written.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// An origin for which a request is. The host is normalised to what would be dialled: names in ASCII and lower case
/// (UTS 46), unusual spellings of an IPv4 address (decimal, octal, hexadecimal, short) as that address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    /// The scheme.
    pub scheme: Scheme,
    /// The name or address.
    pub host: Host<String>,
    /// The port.
    pub port: u16,
}

/// Why a request target cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The target names no origin: the request was meant for a server, and not for a proxy.
    #[error("the request target is not an absolute URL")]
    NotAbsolute,
    /// A scheme other than http.
    #[error("the scheme is not http")]
    UnsupportedScheme,
    /// `user:password@` in the target (RFC 9110 §4.2.4).
    #[error("the request target has user information")]
    UserInfo,
    /// The host is not valid.
    #[error("the host is not valid")]
    BadHost,
    /// The port is missing or not valid.
    #[error("the port is not valid")]
    BadPort,
    /// The Host field names another host than the target (RFC 9112 §3.2.2).
    #[error("the Host field differs from the request target")]
    HostDiffers,
}

impl Destination {
    /// Reads absolute-form (RFC 9112 §3.2.2).
    pub fn of_absolute_form(target: &RequestTarget) -> Result<Self, Error> {
        match (target.scheme(), target.authority()) {
            (Some(scheme), Some(authority)) if scheme.eq_ignore_ascii_case("http") => {
                Self::of_authority(Scheme::Http, authority)
            }
            // A request for an https origin without CONNECT would let proxies on the way read what TLS should protect.
            (Some(_), _) => Err(Error::UnsupportedScheme),
            (None, _) => Err(Error::NotAbsolute),
        }
    }

    /// Whether an absolute-form names this destination as plainly as can be, so that it need not be read: false says nothing.
    pub fn is_written_in(&self, target: &RequestTarget) -> bool {
        let (Some(scheme), Some(authority), Host::Domain(name)) = (target.scheme(), target.authority(), &self.host)
        else {
            return false;
        };
        let Some(after) = authority.strip_prefix(name.as_str()) else { return false };
        let port = match after.strip_prefix(':') {
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok(),
            None if after.is_empty() => Some(self.scheme.default_port()),
            _ => None,
        };
        scheme.eq_ignore_ascii_case(self.scheme.as_str()) && port == Some(self.port)
    }

    /// Reads authority-form, the target of CONNECT (RFC 9112 §3.2.3): it must have a port.
    pub fn of_authority_form(target: &RequestTarget) -> Result<Self, Error> {
        let authority = target.authority().filter(|_| target.form() == Form::Authority).ok_or(Error::NotAbsolute)?;
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
        if has_port { Self::of_authority(Scheme::Https, authority) } else { Err(Error::BadPort) }
    }

    /// Reads `host[:port]`.
    pub fn of_authority(scheme: Scheme, authority: &str) -> Result<Self, Error> {
        let octets = authority.as_bytes();
        if octets.contains(&b'@') {
            return Err(Error::UserInfo);
        }
        // Each octet that is looked for here is a whole character.
        let (host, port) =
            match octets.iter().rposition(|octet| *octet == b':').map(|at| authority.split_at_checked(at)) {
                Some(Some((host, port))) if !octets.ends_with(b"]") => (host, port.get(1..)),
                _ => (authority, None),
            };
        let port = match port {
            None => scheme.default_port(),
            Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().ok().filter(|port| *port != 0).ok_or(Error::BadPort)?
            }
            Some(_) => return Err(Error::BadPort),
        };
        Ok(Self { scheme, host: parse_host(host)?, port })
    }

    /// The destination of this host, an IPv6 address in brackets, and port.
    pub fn of_host(scheme: Scheme, host: &str, port: u16) -> Result<Self, Error> {
        if port == 0 {
            return Err(Error::BadPort);
        }
        Ok(Self { scheme, host: parse_host(host)?, port })
    }

    /// `host[:port]`, as the Host field has it: without the port if it is the scheme's default.
    pub fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// `scheme://host[:port]` (RFC 6454 §6.2).
    pub fn origin(&self) -> String {
        let scheme = self.scheme.as_str();
        if self.port == self.scheme.default_port() {
            format!("{scheme}://{}", self.host)
        } else {
            format!("{scheme}://{}:{}", self.host, self.port)
        }
    }

    /// The absolute URL of a path and query on this origin.
    pub fn url(&self, path_and_query: &str) -> String {
        let slash = if path_and_query.starts_with('/') { "" } else { "/" };
        format!("{}{slash}{path_and_query}", self.origin())
    }

    /// Refuses a Host field that names another origin than the target does.
    pub fn check_host_field(&self, field: &str) -> Result<(), Error> {
        let named = Self::of_authority(self.scheme, field).map_err(|_| Error::HostDiffers)?;
        // Some clients write a default port, and others leave it out: both name the same origin.
        if named == *self { Ok(()) } else { Err(Error::HostDiffers) }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

fn parse_host(host: &str) -> Result<Host<String>, Error> {
    // 255 octets are the longest name in the DNS. A zone (`%`) has a meaning only on the client's own machine.
    if host.is_empty() || host.len() > 255 || host.as_bytes().contains(&b'%') {
        return Err(Error::BadHost);
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    if is_plain(host) {
        return Ok(Host::Domain(host.to_ascii_lowercase()));
    }
    // Four decimal numbers without leading zeros mean the same to every reader; other ways to write an address are for the
    // URL standard to read.
    if let Ok(address) = host.parse() {
        return Ok(Host::Ipv4(address));
    }
    match Host::parse(host).map_err(|_| Error::BadHost)? {
        Host::Domain(name) if !is_name(&name) => Err(Error::BadHost),
        host => Ok(host),
    }
}

/// Whether it is a name that means itself, but for the case of its letters: then the way through UTS 46, which costs
/// more than all else that is read of a target, would change nothing. Labels that begin with `xn--` are not such names;
/// nor is what could be an IPv4 address, whose last label begins with a digit (WHATWG URL, "ends in a number").
fn is_plain(host: &str) -> bool {
    let mut may_be_an_address = true;
    for label in labels(host) {
        let is_encoded = label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"xn--"));
        if is_encoded || !is_label(label) {
            return false;
        }
        may_be_an_address = !label.first().is_some_and(u8::is_ascii_alphabetic);
    }
    host.len() <= MAX_NAME && !may_be_an_address
}

/// The longest name, without a dot at its end.
const MAX_NAME: usize = 253;

/// Whether a name consists of labels of 1 to 63 letters, digits, hyphens and underscores.
pub fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME && labels(name).all(is_label)
}

fn labels(name: &str) -> impl Iterator<Item = &[u8]> {
    name.as_bytes().split(|octet| *octet == b'.')
}

fn is_label(label: &[u8]) -> bool {
    let may = |octet: &u8| octet.is_ascii_alphanumeric() || *octet == b'-' || *octet == b'_';
    (1..=63).contains(&label.len()) && label.iter().all(may)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn absolute(target: &str) -> Result<Destination, Error> {
        Destination::of_absolute_form(&RequestTarget::from(target))
    }

    #[test]
    fn absolute_form_names_the_origin_that_would_be_dialled() {
        for (target, origin) in [
            ("http://News.Test/a?q=1", "http://news.test"),
            ("http://news.test:80/", "http://news.test"),
            ("http://news.test.:8080/", "http://news.test:8080"),
            ("http://192.0.2.7:81/", "http://192.0.2.7:81"),
            ("http://192.0.2.7./", "http://192.0.2.7"),
            ("http://2130706433/", "http://127.0.0.1"),
            ("http://0x7f.1/", "http://127.0.0.1"),
            ("http://0251.0376.0251.0376/", "http://169.254.169.254"),
            ("http://[2001:DB8::1]:81/", "http://[2001:db8::1]:81"),
            ("http://[::ffff:10.0.0.1]/", "http://[::ffff:a00:1]"),
        ] {
            assert_eq!(absolute(target).unwrap().origin(), origin, "{target}");
        }
    }

    #[test]
    fn a_plain_name_is_read_as_the_long_way_reads_it() {
        let labels = [
            "a",
            "A1",
            "a-b",
            "-a",
            "a-",
            "a--b",
            "ab--c",
            "x_y",
            "_",
            "0x1",
            "0X1F",
            "1",
            "08",
            "xn--a",
            "XN--mnchen-3ya",
            "xn--",
            "xn-a",
            "\u{fc}b",
            "a b",
            "a%41",
            "",
            "e2",
            "0xg",
        ];
        let mut plain = 0;
        for (first, last) in labels.iter().flat_map(|first| labels.iter().map(move |last| (first, last))) {
            for host in [format!("{first}.{last}"), format!("{first}.m.{last}"), (*last).to_owned()] {
                let long = Host::parse(&host).ok().filter(|host| !matches!(host, Host::Domain(name) if !is_name(name)));
                if is_plain(&host) {
                    plain += 1;
                    assert_eq!(long, Some(Host::Domain(host.to_ascii_lowercase())), "{host}");
                }
                // A dot at the end is not part of the name.
                let host = host.strip_suffix('.').unwrap_or(&host);
                let long = Host::parse(host).ok().filter(|host| !matches!(host, Host::Domain(name) if !is_name(name)));
                assert_eq!(parse_host(host).ok(), if host.contains('%') { None } else { long }, "{host}");
            }
        }
        assert!(plain > 300, "{plain}");
    }

    #[test]
    fn targets_that_name_no_origin_are_refused() {
        for (target, error) in [
            ("/index.html", Error::NotAbsolute),
            ("https://news.test/", Error::UnsupportedScheme),
            ("ftp://news.test/", Error::UnsupportedScheme),
            ("http://eve@news.test/", Error::UserInfo),
            ("http://news.test:0/", Error::BadPort),
            ("http://news.test:/", Error::BadPort),
            ("http://1.2.3.4.5/", Error::BadHost),
            ("http://a..test/", Error::BadHost),
        ] {
            assert_eq!(absolute(target), Err(error), "{target}");
        }
    }

    #[test]
    fn what_is_known_to_be_written_is_what_would_be_read() {
        let targets = [
            "http://news.test/a",
            "HTTP://news.test:80/",
            "http://news.test:080/",
            "http://news.test:8080/?q",
            "http://news.test:+80/",
            "http://news.test:/",
            "http://news.test.:80/",
            "http://NEWS.test/",
            "http://news.tes/",
            "http://news.testa/",
            "http://a@news.test/",
            "http://news.test:80:80/",
            "http://news.test:99999/",
            "https://news.test/",
            "http://xn--nws-8ma.test/",
            "http://192.0.2.1/",
            "http://[::1]/",
            "ftp://news.test/",
        ];
        let mut count = 0;
        for one in targets {
            let Ok(destination) = absolute(one) else { continue };
            for other in targets {
                if destination.is_written_in(&RequestTarget::from(other)) {
                    assert_eq!(absolute(other).as_ref(), Ok(&destination), "{one} {other}");
                    count += 1;
                }
            }
        }
        assert!(count > 8, "{count}");
        let known = absolute("http://news.test/").unwrap();
        for same in ["http://news.test/b", "http://news.test:80/?q", "http://news.test"] {
            assert!(known.is_written_in(&RequestTarget::from(same)), "{same}");
        }
    }

    #[test]
    fn authority_form_needs_a_port() {
        let connect = |target: &str| Destination::of_authority_form(&RequestTarget::of_connect(target));
        assert_eq!(connect("mail.test:443").unwrap().origin(), "https://mail.test");
        assert_eq!(connect("[::1]:8443").unwrap().origin(), "https://[::1]:8443");
        assert_eq!(connect("mail.test"), Err(Error::BadPort));
        assert_eq!(connect("[::1]"), Err(Error::BadPort));
        assert_eq!(
            Destination::of_authority_form(&RequestTarget::from("http://mail.test:443/")),
            Err(Error::NotAbsolute)
        );
    }

    #[test]
    fn a_host_field_that_differs_from_the_target_is_refused() {
        let news = absolute("http://news.test/").unwrap();
        for same in ["news.test", "NEWS.test:80"] {
            assert_eq!(news.check_host_field(same), Ok(()), "{same}");
        }
        for other in ["", "mail.test", "news.test:8080", "news.test, mail.test", "news.test/"] {
            assert_eq!(news.check_host_field(other), Err(Error::HostDiffers), "{other}");
        }
    }
}
