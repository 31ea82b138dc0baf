//! The way to a destination: direct, from an address of ours, or through a parent proxy.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::Deserialize;

use super::inspection::Faults;

/// Ways to a destination, in the order in which they are tried. Written as one of them, or as a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "Written")]
pub struct Route(Arc<[Hop]>);

/// One way to a destination.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Hop {
    /// `direct`: from whatever address the system or `[egress]` chooses.
    Direct,
    /// From this address of ours.
    Source(IpAddr),
    /// Through the parent of this name.
    Parent(Arc<str>),
}

/// What is wrong with a route.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no way in it.
    #[error("a route needs at least one way: `direct`, the name of a parent, or an address of this machine")]
    Empty,
    /// A way is called by nothing.
    #[error("`{0}` is no way: write `direct`, the name of a parent, or an address of this machine")]
    NotAWay(String),
}

/// Which connections to an origin a request may share with others: those that were opened under the same conditions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Lane {
    /// Whether the destination may have a private address.
    pub private: bool,
    /// The route that the rule names; none where the default decides, by destination alone.
    pub route: Option<Route>,
    /// What may be wrong with the certificate of its origin.
    pub accept: Faults,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a route is a text or a list of texts")]
enum Written {
    One(String),
    List(Vec<String>),
}

impl Route {
    /// Straight to the destination.
    pub fn direct() -> Self {
        Self(Arc::new([Hop::Direct]))
    }

    /// The ways, in order.
    pub fn hops(&self) -> &[Hop] {
        &self.0
    }
}

impl TryFrom<Written> for Route {
    type Error = Error;

    fn try_from(written: Written) -> Result<Self, Error> {
        let list = match written {
            Written::One(one) => vec![one],
            Written::List(list) => list,
        };
        let hops: Vec<Hop> = list.into_iter().map(Hop::try_from).collect::<Result<_, _>>()?;
        if hops.is_empty() { Err(Error::Empty) } else { Ok(Self(hops.into())) }
    }
}

impl TryFrom<String> for Hop {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        match text.parse::<IpAddr>() {
            Ok(source) => Ok(Self::Source(source)),
            Err(_) if text == "direct" => Ok(Self::Direct),
            Err(_) if text.is_empty() || text.contains(['/', ':', ' ']) => Err(Error::NotAWay(text)),
            Err(_) => Ok(Self::Parent(text.into())),
        }
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("direct"),
            Self::Source(address) => address.fmt(f),
            Self::Parent(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Holder {
        route: Route,
    }

    #[test]
    fn a_route_is_one_way_or_several() {
        for (written, read) in [
            ("'direct'", Ok("direct")),
            ("'hq'", Ok("hq")),
            ("['hq', '192.0.2.7', '2001:db8::7', 'direct']", Ok("hq 192.0.2.7 2001:db8::7 direct")),
            ("[]", Err("at least one way")),
            ("''", Err("`` is no way")),
            ("'http://hq:3128'", Err("is no way")),
            ("1", Err("a route is a text or a list of texts")),
        ] {
            let found = toml::from_str::<Holder>(&format!("route = {written}"));
            match (found, read) {
                (Ok(holder), Ok(words)) => {
                    let hops: Vec<_> = holder.route.hops().iter().map(Hop::to_string).collect();
                    assert_eq!(hops.join(" "), words, "{written}");
                }
                (Err(error), Err(part)) => assert!(error.message().contains(part), "{written}: {error}"),
                (found, _) => panic!("{written}: {found:?}"),
            }
        }
    }
}
