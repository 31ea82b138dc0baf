//! Recognises one line of a list, in whichever of the usual forms it is written.
//!
//! Lists are mixed, and say nothing of their form, so each line speaks for itself:
//!
//! - plain: `example.com` (with everything below it; also `.example.com` and `*.example.com`), `=example.com` (that host
//!   alone), `intranet` (a single label: that host alone, so that nobody lists all of `com` by a slip; `.com` does),
//!   `example.com/path` and `https://example.com/path` (what begins so);
//! - hosts file (hosts(5)): `0.0.0.0 example.com`, which is that host alone;
//! - dnsmasq (dnsmasq(8)): `address=/example.com/…`, `server=`, `local=`: with everything below it;
//! - AdBlock: `||example.com^` with everything below it, and `@@||example.com^`, which is an exception;
//! - addresses: `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/32`.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::Host;

use super::addresses::text_of;
use super::path;

/// What a line says is in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry<'l> {
    /// A name, with everything below it.
    Domain(Cow<'l, str>),
    /// A name alone.
    Exact(Cow<'l, str>),
    /// A name with everything below it that is not in the list, whatever else stands there.
    Except(Cow<'l, str>),
    /// Ranges.
    Net(IpNet),
    /// Ranges that are not in the list, whatever else stands there.
    ExceptNet(IpNet),
    /// What begins so on a host.
    Url {
        /// The host.
        host: Cow<'l, str>,
        /// The path, from its slash on.
        path: &'l str,
    },
}

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A name a line.
    Plain,
    /// A hosts file.
    Hosts,
    /// Options of dnsmasq.
    Dnsmasq,
    /// Rules of AdBlock.
    AdBlock,
    /// Ranges and ranges.
    Ranges,
    /// URLs.
    Urls,
}

/// Why a line cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Unusable {
    /// It is none of the forms that are known.
    #[error("this is neither a name nor an address")]
    NotAName,
    /// A rule for parts of pages.
    #[error("a rule about parts of a page")]
    PartsOfPages,
    /// A rule with a regular expression or a wildcard.
    #[error("a pattern: only whole names can be used")]
    Pattern,
    /// A rule that is about more than a host.
    #[error("a rule that is about more than a host")]
    Narrower,
    /// A URL with a port.
    #[error("a URL with a port")]
    Port,
    /// A URL with a query.
    #[error("a URL with a query")]
    Query,
    /// An option of dnsmasq that lists nothing.
    #[error("an option of dnsmasq that lists no name")]
    Option,
    /// Not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// Longer than any entry.
    #[error("the line is too long")]
    TooLong,
}

impl Format {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Hosts => "hosts",
            Self::Dnsmasq => "dnsmasq",
            Self::AdBlock => "adblock",
            Self::Ranges => "addresses",
            Self::Urls => "urls",
        }
    }
}

/// Options of an AdBlock rule that leave it a rule about a host.
const HARMLESS: [&str; 6] = ["important", "all", "document", "doc", "popup", "subdocument"];

/// Reads a line, and gives what it lists to `add`. Nothing comes of a blank line or a comment.
pub fn read<'l>(line: &'l str, add: &mut impl FnMut(&Entry<'l>)) -> Result<Option<Format>, Unusable> {
    let line = line.trim();
    // `[Adblock Plus 2.0]`, and not `[2001:db8::1]`.
    let is_header = line.starts_with('[') && line.ends_with(']') && !line.contains(':');
    if line.is_empty() || line.starts_with(['#', '!', ';']) || line.starts_with("//") || is_header {
        return Ok(None);
    }
    if let Some(rule) = line.strip_prefix("@@") {
        let rule = rule.strip_prefix("||").ok_or(Unusable::Narrower)?;
        return adblock(rule).map(|host| add(&excepted(host))).map(|()| Some(Format::AdBlock));
    }
    if let Some(rule) = line.strip_prefix("||") {
        return adblock(rule).map(|entry| add(&entry)).map(|()| Some(Format::AdBlock));
    }
    if ["##", "#@#", "#?#", "#$#", "#%#"].iter().any(|mark| line.contains(mark)) {
        return Err(Unusable::PartsOfPages);
    }
    if let Some((option, value)) = line.split_once("=/") {
        return dnsmasq(option, value, add).map(|()| Some(Format::Dnsmasq));
    }
    let line = without_comment(line);
    match line.split_once(|c: char| c.is_whitespace()) {
        Some((address, names)) => hosts(address, names, add).map(|()| Some(Format::Hosts)),
        None => plain(line).map(|(form, entry)| {
            add(&entry);
            Some(form)
        }),
    }
}

fn excepted(entry: Entry<'_>) -> Entry<'_> {
    match entry {
        Entry::Domain(name) | Entry::Exact(name) => Entry::Except(name),
        Entry::Net(net) => Entry::ExceptNet(net),
        other => other,
    }
}

/// The host of an AdBlock rule, from after its `||`.
fn adblock(rule: &str) -> Result<Entry<'_>, Unusable> {
    let (pattern, options) = match rule.split_once('$') {
        Some((pattern, options)) => (pattern, options),
        None => (rule, ""),
    };
    let is_harmless = |option: &str| option.is_empty() || HARMLESS.contains(&option);
    if !options.split(',').all(is_harmless) {
        return Err(Unusable::Narrower);
    }
    let host = pattern.strip_suffix("^|").or(pattern.strip_suffix('^')).unwrap_or(pattern);
    if host.contains('*') {
        return Err(Unusable::Pattern);
    }
    if host.contains(['/', '^', '?', ':', '|']) {
        return Err(Unusable::Narrower);
    }
    if let Some(address) = address(host) {
        return Ok(Entry::Net(address));
    }
    name(host).map(Entry::Domain)
}

/// `address=/example.com/example.org/0.0.0.0`, from after its `=/`.
fn dnsmasq<'l>(option: &str, value: &'l str, add: &mut impl FnMut(&Entry<'l>)) -> Result<(), Unusable> {
    if !["address", "server", "local"].contains(&option.trim()) {
        return Err(Unusable::Option);
    }
    let (names, _) = value.rsplit_once('/').ok_or(Unusable::NotAName)?;
    // Nothing is taken from a line of which a part is wrong.
    let names = names.split('/').map(|part| name(part.trim_start_matches('.'))).collect::<Result<Vec<_>, _>>()?;
    names.into_iter().for_each(|name| add(&Entry::Domain(name)));
    Ok(())
}

/// `0.0.0.0 example.com www.example.com`.
fn hosts<'l>(address: &str, names: &'l str, add: &mut impl FnMut(&Entry<'l>)) -> Result<(), Unusable> {
    // A zone may follow: `fe80::1%lo0 localhost`.
    let address = address.split('%').next().unwrap_or_default();
    if address.parse::<IpAddr>().is_err() {
        return Err(Unusable::NotAName);
    }
    let names = names.split_whitespace().take_while(|name| !name.starts_with('#'));
    // Every hosts file begins with the names of the machine itself.
    let others = names.filter(|name| name.contains('.') && *name != "localhost.localdomain" && *name != "0.0.0.0");
    let names = others.map(name).collect::<Result<Vec<_>, _>>()?;
    names.into_iter().for_each(|name| add(&Entry::Exact(name)));
    Ok(())
}

fn plain(line: &str) -> Result<(Format, Entry<'_>), Unusable> {
    if let Some(net) = address(line) {
        return Ok((Format::Ranges, Entry::Net(net)));
    }
    if let Some(host) = line.strip_prefix('=') {
        return Ok((Format::Plain, Entry::Exact(name(host)?)));
    }
    let scheme = ["http://", "https://"].iter().find_map(|scheme| line.strip_prefix(scheme));
    if let Some(rest) = scheme.or(Some(line).filter(|line| line.contains('/'))) {
        return url(rest).map(|entry| (Format::Urls, entry));
    }
    if let Some(host) = line.strip_prefix("*.").or(line.strip_prefix('.')) {
        return Ok((Format::Plain, Entry::Domain(name(host)?)));
    }
    let name = name(line)?;
    Ok((Format::Plain, if name.contains('.') { Entry::Domain(name) } else { Entry::Exact(name) }))
}

/// A URL, from after its scheme.
fn url(text: &str) -> Result<Entry<'_>, Unusable> {
    let (host, path) = text.find('/').and_then(|slash| text.split_at_checked(slash)).unwrap_or((text, "/"));
    if path.contains(['?', '#']) {
        return Err(Unusable::Query);
    }
    let net = address(host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host));
    let is_whole = path::plainest(path).is_empty();
    match net {
        Some(net) if is_whole => Ok(Entry::Net(net)),
        // A range that is none.
        Some(_) if path.bytes().skip(1).all(|byte| byte.is_ascii_digit()) => Err(Unusable::NotAName),
        // As requests name it.
        Some(net) => Ok(Entry::Url { host: Cow::Owned(text_of(net.addr())), path }),
        None if host.contains(':') => Err(Unusable::Port),
        None if is_whole => name(host).map(Entry::Exact),
        None => Ok(Entry::Url { host: name(host)?, path }),
    }
}

/// An address, or a range of them.
fn address(text: &str) -> Option<IpNet> {
    // Few lines are one, and a name is told from one by its last octet.
    let may_be = text.contains(':') || text.ends_with(|c: char| c.is_ascii_digit());
    let text = Some(text).filter(|_| may_be)?;
    let net = text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
    net.ok().or_else(|| text.parse::<IpNet>().ok()).map(|net| net.trunc())
}

/// A name as requests name it: in ASCII and lower case (UTS 46), without the last dot.
fn name(text: &str) -> Result<Cow<'_, str>, Unusable> {
    let text = text.strip_suffix('.').unwrap_or(text);
    if text.contains('*') {
        return Err(Unusable::Pattern);
    }
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) || !text.is_ascii() {
        let Ok(Host::Domain(name)) = Host::parse(text) else { return Err(Unusable::NotAName) };
        return if is_name(&name) { Ok(Cow::Owned(name)) } else { Err(Unusable::NotAName) };
    }
    if is_name(text) { Ok(Cow::Borrowed(text)) } else { Err(Unusable::NotAName) }
}

/// Whether it is a name in the form of RFC 1123 §2.1, with the underscores that DNS allows besides.
fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let is_good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(is_good)
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 253 && text.split('.').all(is_label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

fn without_comment(line: &str) -> &str {
    let begins = |at: &(usize, &str)| line.get(..at.0).is_some_and(|before| before.ends_with([' ', '\t']));
    let marks = line.match_indices(['#', ';']).find(begins);
    marks.and_then(|(at, _)| line.get(..at)).unwrap_or(line).trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(line: &str) -> Result<Vec<String>, Unusable> {
        let mut found = Vec::new();
        read(line, &mut |entry| {
            found.push(match entry {
                Entry::Domain(name) => format!("below {name}"),
                Entry::Exact(name) => format!("only {name}"),
                Entry::Except(name) => format!("not {name}"),
                Entry::Net(net) => format!("net {net}"),
                Entry::ExceptNet(net) => format!("not net {net}"),
                Entry::Url { host, path } => format!("url {host} {path}"),
            });
        })
        .map(|_| found)
    }

    #[test]
    fn every_usual_form_is_recognised() {
        for (line, wanted) in [
            ("example.com", "below example.com"),
            ("  Example.COM.  ", "below example.com"),
            (".example.com", "below example.com"),
            ("*.example.com", "below example.com"),
            ("=example.com", "only example.com"),
            ("com", "only com"),
            (".com", "below com"),
            ("_dmarc.a-b.example", "below _dmarc.a-b.example"),
            ("bücher.example", "below xn--bcher-kva.example"),
            ("example.com # bad", "below example.com"),
            ("example.com\t; bad", "below example.com"),
            ("example.com/ads/x", "url example.com /ads/x"),
            ("https://Example.com/Ads/", "url example.com /Ads/"),
            ("http://example.com/", "only example.com"),
            ("http://192.0.2.1/ads", "url 192.0.2.1 /ads"),
            ("0.0.0.0 example.com", "only example.com"),
            ("127.0.0.1\texample.com www.example.com # two", "only example.com, only www.example.com"),
            ("::1 example.com", "only example.com"),
            ("127.0.0.1 localhost", ""),
            ("255.255.255.255 broadcasthost", ""),
            ("fe80::1%lo0 localhost", ""),
            ("::1 ip6-loopback", ""),
            ("address=/example.com/0.0.0.0", "below example.com"),
            ("address=/.a.test/b.test/#", "below a.test, below b.test"),
            ("server=/example.com/", "below example.com"),
            ("local=/zip/", "below zip"),
            ("||example.com^", "below example.com"),
            ("||example.com^|", "below example.com"),
            ("||example.com", "below example.com"),
            ("||example.com^$important,all", "below example.com"),
            ("||192.0.2.1^", "net 192.0.2.1/32"),
            ("@@||example.com^", "not example.com"),
            ("@@||192.0.2.1^", "not net 192.0.2.1/32"),
            ("http://[2001:DB8:0::1]/Ads", "url [2001:db8::1] /Ads"),
            ("[::ffff:192.0.2.1]/ads", "url 192.0.2.1 /ads"),
            ("192.0.2.1", "net 192.0.2.1/32"),
            ("192.0.2.9/24", "net 192.0.2.0/24"),
            ("192.0.2.0/24 ; SBL1", "net 192.0.2.0/24"),
            ("2001:db8::/32", "net 2001:db8::/32"),
            ("::ffff:192.0.2.1", "net 192.0.2.1/32"),
            ("# comment", ""),
            ("! comment", ""),
            ("[Adblock Plus 2.0]", ""),
            ("", ""),
        ] {
            assert_eq!(entries(line).map(|found| found.join(", ")), Ok(wanted.to_owned()), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        for (line, why) in [
            ("<!DOCTYPE html>", Unusable::NotAName),
            ("a..b", Unusable::NotAName),
            ("exa mple.com", Unusable::NotAName),
            ("1.2.3", Unusable::NotAName),
            ("192.0.2.0/33", Unusable::NotAName),
            ("300.1.1.1", Unusable::NotAName),
            ("eve@example.com/x", Unusable::NotAName),
            ("example.com##.ad", Unusable::PartsOfPages),
            ("/banner[0-9]/", Unusable::NotAName),
            ("||ads.*^", Unusable::Pattern),
            ("ads*.example.com", Unusable::Pattern),
            ("||example.com^$third-party", Unusable::Narrower),
            ("||example.com/ads", Unusable::Narrower),
            ("@@/ads", Unusable::Narrower),
            ("example.com:8080/x", Unusable::Port),
            ("example.com:8080", Unusable::NotAName),
            ("example.com/x?y", Unusable::Query),
            ("ipset=/example.com/x", Unusable::Option),
            ("address=/a..b/0.0.0.0", Unusable::NotAName),
            ("0.0.0.0 good.example a..b", Unusable::NotAName),
            (&format!("{}.example", "a".repeat(64)), Unusable::NotAName),
        ] {
            assert_eq!(entries(line), Err(why), "{line}");
        }
    }
}
