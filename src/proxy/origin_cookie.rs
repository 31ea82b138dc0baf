//! The cookie by which a browser is known on one origin. It is valid on that origin alone, only from where it was
//! given, and for a time.
//!
//! On http others can read it on the way; and when the browser does not use the proxy, it sends the cookie to the
//! origin, on https, too. So the place where it was given is part of what it is sealed for: from elsewhere it names
//! nobody, and the person bounces once more.

use std::fmt::{self, Write as _};
use std::sync::{Mutex, PoisonError};

use http::header::SET_COOKIE;
use http::{HeaderValue, Response};

use crate::clock::Timestamp;
use crate::seal::{Opened, Sealer};
use crate::session::{Place, Session, SessionId};
use crate::wire::h1::Fields;
use crate::wire::{Destination, Peer, Scheme, cookie};

/// An origin, and the client that shows a cookie there.
type At<'a> = (&'a Destination, &'a Peer);

/// The cookie that was last found valid on a connection: the next request shows the same one, which need not be opened again.
#[derive(Default)]
pub(super) struct SeenCookie(Mutex<Option<Valid>>);

/// A cookie that was found valid: where, its token, and the session that it names.
struct Valid {
    destination: Destination,
    token: Box<str>,
    opened: Opened<SessionId>,
}

impl SeenCookie {
    /// The session that a cookie names on an origin, if it is the one that was seen there, and still good.
    fn find(&self, sealer: &Sealer, now: Timestamp, destination: &Destination, token: &str) -> Option<SessionId> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Valid { opened, .. } =
            seen.as_ref().filter(|seen| seen.destination == *destination && *seen.token == *token)?;
        opened.stands(sealer, now).then_some(opened.value)
    }

    fn note(&self, destination: &Destination, token: &str, opened: Opened<SessionId>) {
        let valid = Valid { destination: destination.clone(), token: token.into(), opened };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(valid);
    }
}

impl fmt::Debug for SeenCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SeenCookie(***)")
    }
}

/// The sessions that the valid ones among a request's cookies name. `seen` is what its connection keeps: the client at its other
/// end must always be the same.
pub(super) fn named<'a>(
    sealer: &'a Sealer,
    now: Timestamp,
    at: At<'a>,
    seen: &'a SeenCookie,
    fields: &'a Fields,
) -> impl Iterator<Item = SessionId> + 'a {
    let tokens = cookie::values(fields, name(at.0.scheme));
    tokens.filter_map(move |token| {
        seen.find(sealer, now, at.0, token).or_else(|| {
            let opened = sealer.open_to_keep::<SessionId>(&purpose(at), token, now).ok()?;
            seen.note(at.0, token, opened);
            Some(opened.value)
        })
    })
}

/// The Set-Cookie line of the cookie that carries a session on one origin until `ends`. On http it must not be
/// `Secure`, or it would not be stored and the person would go round in circles; on https `SameSite=None` lets it reach
/// frames.
pub(super) fn line(sealer: &Sealer, session: &Session, at: At<'_>, now: Timestamp, ends: Timestamp) -> String {
    let token = sealer.seal(&purpose(at), &session.id, ends);
    let age = ends.as_second().saturating_sub(now.as_second());
    let rules = match at.0.scheme {
        Scheme::Http => "SameSite=Lax",
        Scheme::Https => "SameSite=None; Secure",
    };
    format!("{}={token}; Path=/; Max-Age={age}; HttpOnly; {rules}", name(at.0.scheme))
}

/// The cookie's name.
pub(super) fn name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Http => "vestibule_s",
        Scheme::Https => "__Host-vestibule_s",
    }
}

/// What a cookie is sealed for: its origin, and the place where it was given.
///
/// On a network where a client address may stand for a person, an address is one person's for a while: the cookie is
/// valid from that address. On a network whose addresses are shared, an address says no more than the network does, and
/// behind NAT each connection may have another one: the cookie is valid on that network. On no configured network,
/// carriers move people between neighbouring addresses: the cookie is valid in that neighbourhood.
fn purpose((destination, peer): At<'_>) -> String {
    let mut purpose = format!("origin-cookie {} from ", destination.origin());
    let written = if peer.network.address {
        write!(purpose, "address {}", peer.client.ip().to_canonical())
    } else {
        match Place::of(peer) {
            Place::Network(name) => write!(purpose, "network {name}"),
            Place::Near(net) => write!(purpose, "near {net}"),
        }
    };
    // Writing into a string does not fail.
    written.ok();
    purpose
}

/// Sets a cookie, given as the value of Set-Cookie (RFC 6265 §4.1).
pub(super) fn set_cookie<B>(response: &mut Response<B>, line: &str) {
    if let Ok(value) = HeaderValue::try_from(line) {
        response.headers_mut().append(SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::SignedDuration;
    use crate::identity::network::Config;
    use crate::identity::{Networks, User};
    use crate::seal::SealKey;

    fn at(address: &str) -> Peer {
        let networks: [Config; 3] = [
            "name = 'office'\naddresses = ['10.1.0.0/16', 'fd00:1::/48']",
            "name = 'nat'\naddresses = ['10.2.0.0/16']\nshared = true",
            "name = 'other nat'\naddresses = ['10.3.0.0/16']\nshared = true",
        ]
        .map(|text| toml::from_str(text).unwrap());
        let client = std::net::SocketAddr::new(address.parse().unwrap(), 40_000);
        Peer::new(client, "proxy", Arc::clone(Networks::new(&networks).of(client.ip())))
    }

    #[test]
    fn a_cookie_is_good_on_its_origin_from_where_it_was_given_and_until_its_end() {
        let (sealer, now) = (Sealer::random(), Timestamp::UNIX_EPOCH);
        let session = Session::standing(User::guest("one".into()), now);
        let of = |scheme, authority: &str| Destination::of_authority(scheme, authority).unwrap();
        let (shop, ends) = (of(Scheme::Http, "shop.test"), now + SignedDuration::from_hours(1));
        let shown = |line: &str, destination: &Destination, address: &str, now| {
            let pair = line.split(';').next().unwrap();
            let fields = Fields::from([("cookie", pair)]);
            named(&sealer, now, (destination, &at(address)), &SeenCookie::default(), &fields).next().is_some()
        };
        for (given, good, bad) in [
            // One person's own address.
            ("10.1.0.7", &["10.1.0.7", "::ffff:10.1.0.7"][..], &["10.1.0.8", "10.2.0.7", "192.0.2.7"][..]),
            ("fd00:1::7", &["fd00:1::7"], &["fd00:1::8"]),
            // A pool of addresses behind which people are.
            ("10.2.0.7", &["10.2.0.7", "10.2.9.9"], &["10.1.0.7", "10.3.0.7", "192.0.2.7"]),
            // A carrier's.
            ("192.0.2.7", &["192.0.2.200"], &["192.0.3.7", "10.2.0.7"]),
            ("2001:db8:1:2::7", &["2001:db8:1:ffff::1"], &["2001:db8:2::7"]),
        ] {
            let line = line(&sealer, &session, (&shop, &at(given)), now, ends);
            assert!(line.contains("; Max-Age=3600; "), "{line}");
            for address in good {
                assert!(shown(&line, &shop, address, now), "given at {given}, shown at {address}");
                assert!(!shown(&line, &shop, address, ends), "it has ended");
                assert!(!shown(&line, &of(Scheme::Http, "mail.test"), address, now), "another origin");
            }
            for address in bad {
                assert!(!shown(&line, &shop, address, now), "given at {given}, shown at {address}");
            }
        }
    }

    #[test]
    fn a_cookie_that_was_seen_names_nobody_on_another_origin_nor_after_its_end_nor_without_its_key() {
        let (sealer, now) = (Sealer::random(), Timestamp::UNIX_EPOCH);
        let peer = at("10.1.0.7");
        let of = |authority: &str| Destination::of_authority(Scheme::Http, authority).unwrap();
        let [shop, mail] = ["shop.test", "mail.test"].map(of);
        let ends = now + SignedDuration::from_hours(1);
        let sessions = ["one", "two"].map(|name| Session::standing(User::guest(name.into()), now));
        let pairs = sessions.each_ref().map(|session| {
            let line = line(&sealer, session, (&shop, &peer), now, ends);
            line.split(';').next().unwrap().to_owned()
        });
        let seen = SeenCookie::default();
        let shown = |pair: &str, destination: &Destination, now| {
            let fields = Fields::from([("cookie", pair)]);
            named(&sealer, now, (destination, &peer), &seen, &fields).collect::<Vec<_>>()
        };
        let [one, two] = &pairs;
        for _ in 0..2 {
            assert_eq!(shown(one, &shop, now), [sessions[0].id]);
            assert!(seen.0.lock().unwrap().as_ref().is_some_and(|seen| one.ends_with(&*seen.token)));
            assert!(shown(one, &mail, now).is_empty(), "another origin");
            assert!(shown(one.get(..one.len() - 1).unwrap(), &shop, now).is_empty(), "a part of it");
            assert!(shown(one, &shop, ends).is_empty(), "it has ended");
            assert_eq!(shown(one, &shop, now), [sessions[0].id], "it is still the one that was seen");
            assert_eq!(shown(two, &shop, now), [sessions[1].id]);
            assert_eq!(shown(&format!("{one}; {two}"), &shop, now), sessions.each_ref().map(|session| session.id));
        }
        assert!(!format!("{seen:?}").contains(one.split('=').nth(1).unwrap()));
        sealer.turn(&[SealKey::random(1)], 1);
        assert!(shown(one, &shop, now).is_empty() && shown(two, &shop, now).is_empty(), "their key is gone");
    }
}
