//! Cookies with the name of ours that somebody else has set beside ours on an http origin, and how they are removed.
//!
//! A page, a neighbouring host, or somebody on the wire can set one for a whole domain, or for a part of the site, and
//! browsers send both (RFC 6265 §5.4). A browser does not say for which domain and path a cookie was set, and removes
//! one only when told both. So the answer names every domain and path from which the request could have got the cookie.
//! Over https there is nothing to do: browsers let nobody set a `__Host-` name for a domain or a path (RFC 6265bis
//! §4.1.3.2).

use http::Response;

use super::origin_cookie::{self, set_cookie};
use crate::wire::h1::Fields;
use crate::wire::{Destination, Scheme, cookie};

/// How many places (a domain and a path) one answer names at most. Those that affect most of a site come first.
const MAX_PLACES: usize = 64;

/// How many octets their Set-Cookie lines have at most.
const MAX_OCTETS: usize = 16 * 1024;

/// Whether a request brings more than one cookie with the name of ours, so that others have set some.
pub(super) fn came(destination: &Destination, fields: &Fields) -> bool {
    let name = origin_cookie::name(destination.scheme);
    destination.scheme == Scheme::Http && cookie::values(fields, name).nth(1).is_some()
}

/// Has the browser remove whatever it may have beside our cookie for this path of an http origin. Ours stays.
pub(super) fn clear<B>(response: &mut Response<B>, destination: &Destination, path: &str) {
    if destination.scheme != Scheme::Http {
        return;
    }
    let (host, name) = (destination.host.to_string(), origin_cookie::name(Scheme::Http));
    let domains = domains(&host);
    let mut left = MAX_OCTETS;
    // A path with a semicolon cannot be written in a Set-Cookie line. A script can set a cookie for it all the same, by
    // naming no path: that means the folder of the page (RFC 6265 §5.1.4). We name none, too.
    let is_unwritable = path.rsplit_once('/').is_some_and(|(folder, _)| folder.contains(';'));
    let places = is_unwritable.then_some(None).into_iter().chain(paths(path).map(Some));
    let places = places.flat_map(|path| domains.iter().map(move |domain| (path, *domain)));
    for (path, domain) in places.take(MAX_PLACES) {
        let place = [("; Path=", path), ("; Domain=", domain)];
        let place: String = place.iter().filter_map(|(word, value)| Some([*word, (*value)?].concat())).collect();
        // A browser sends a cookie without a name as its value alone, and the value can look like ours (RFC 6265bis
        // §5.8.3).
        let own = Some(format!("{name}=")).filter(|_| (path, domain) != (Some("/"), None));
        for pair in own.into_iter().chain(["=x".to_owned()]) {
            let line = format!("{pair}{place}; Max-Age=0");
            let Some(rest) = left.checked_sub(line.len()) else { return };
            left = rest;
            set_cookie(response, &line);
        }
    }
}

/// The domains for which a cookie may have been set that this host gets: none (the host alone), the host itself, and
/// each domain above it. Browsers refuse cookies for public suffixes, and so for every name without a dot.
fn domains(host: &str) -> Vec<Option<&str>> {
    let is_name = host.parse::<std::net::IpAddr>().is_err() && !host.starts_with('[');
    let above = std::iter::successors(Some(host), |domain| domain.split_once('.').map(|(_, above)| above));
    let above = above.filter(|domain| is_name && domain.contains('.'));
    std::iter::once(None).chain(above.map(Some)).collect()
}

/// The paths of cookies that are sent with this path (RFC 6265 §5.1.4), the shortest first.
fn paths(path: &str) -> impl Iterator<Item = &str> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let path = path.split(';').next().unwrap_or_default();
    let ends = path.match_indices('/').flat_map(|(at, _)| [at, at + 1]).chain([path.len()]).filter(|end| *end > 0);
    let mut last = 0;
    ends.filter(move |end| std::mem::replace(&mut last, *end) != *end).filter_map(|end| path.get(..end))
}

#[cfg(test)]
mod tests {
    use http::header::SET_COOKIE;

    use super::*;

    fn lines(scheme: Scheme, authority: &str, path: &str) -> Vec<String> {
        let mut response = Response::new(());
        clear(&mut response, &Destination::of_authority(scheme, authority).unwrap(), path);
        let lines = response.headers().get_all(SET_COOKIE).iter();
        lines.map(|line| line.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn every_place_is_named_that_a_cookie_for_the_page_may_have_but_our_own() {
        let all = lines(Scheme::Http, "www.shop.test:8080", "/a/b%20c?d=/e");
        for path in ["/", "/a", "/a/", "/a/b%20c"] {
            for domain in ["", "; Domain=www.shop.test", "; Domain=shop.test"] {
                for pair in ["vestibule_s=", "=x"] {
                    let line = format!("{pair}; Path={path}{domain}; Max-Age=0");
                    assert_eq!(all.contains(&line), (pair, path, domain) != ("vestibule_s=", "/", ""), "{line}");
                }
            }
        }
        assert_eq!(all.len(), 2 * 4 * 3 - 1, "{all:#?}");
        // The folder itself, as a script has it that names no path; never that of our own.
        for (path, is_named) in [("/a;b/c", true), ("/a;b", false), ("/a/b;c", false), ("/", false)] {
            let all = lines(Scheme::Http, "shop.test", path);
            assert_eq!(all.contains(&"vestibule_s=; Max-Age=0".to_owned()), is_named, "{path}");
        }
        assert!(lines(Scheme::Http, "192.0.2.7", "/a/").iter().all(|line| !line.contains("Domain")));
        assert!(lines(Scheme::Https, "www.shop.test", "/a").is_empty(), "nobody can set one there");
    }

    #[test]
    fn what_is_named_is_bounded() {
        let deep = "/a".repeat(500);
        let all = lines(Scheme::Http, "a.b.c.d.e.f.shop.test", &deep);
        assert_eq!(all.len(), 2 * MAX_PLACES - 1);
        assert!(all.iter().any(|line| line.contains("Path=/a/; Domain=shop.test")), "the worst come first");
        let long = format!("/{}/{}", "a".repeat(3000), "b".repeat(3000));
        let octets: usize = lines(Scheme::Http, "shop.test", &long).iter().map(String::len).sum();
        assert!((4000..=MAX_OCTETS).contains(&octets), "{octets}");
    }

    #[test]
    fn two_cookies_of_our_name_are_one_too_many_where_anybody_can_set_one() {
        let fields =
            Fields::from([("cookie", "vestibule_s=1; a=b; vestibule_s=2"), ("cookie", "__Host-vestibule_s=3")]);
        let one = Fields::from([("cookie", "vestibule_s=1; a=b")]);
        let of = |scheme| Destination::of_authority(scheme, "shop.test").unwrap();
        assert!(came(&of(Scheme::Http), &fields) && !came(&of(Scheme::Http), &one));
        assert!(!came(&of(Scheme::Https), &fields));
    }
}
