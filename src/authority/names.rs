//! Name constraints (RFC 5280 §4.2.1.10): the names for which an authority can issue leaves that clients take.

use std::net::IpAddr;

use ipnet::IpNet;
use rcgen::{CidrSubnet, GeneralSubtree, NameConstraints};
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::X509Certificate;

/// The names for which leaves may be issued: by what each certificate above them says, and by the configuration. The default
/// is any name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    all: Vec<Subtrees>,
    /// Whether a certificate limits the subjects, too (`directoryName`): then leaves have none.
    limits_subjects: bool,
}

/// What one certificate, or the configuration, says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Subtrees {
    permitted: Vec<Subtree>,
    excluded: Vec<Subtree>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Subtree {
    /// A name with all names below it; one that begins with a dot means the names below alone.
    Names(String),
    Addresses(IpNet),
}

impl Names {
    /// Those that the configuration lists: names, with all below them, and addresses or ranges. An empty list is any name; where
    /// no address is listed, all are excluded: a list of names alone would leave them open.
    ///
    /// # Errors
    ///
    /// The number of the entry that is neither.
    pub fn listed<'n>(list: impl IntoIterator<Item = &'n str>) -> Result<Self, usize> {
        let permitted: Vec<_> = list
            .into_iter()
            .enumerate()
            .map(|(number, entry)| Subtree::read(entry).ok_or(number))
            .collect::<Result<_, _>>()?;
        let mut one = Subtrees { permitted, excluded: Vec::new() };
        if one.permitted.is_empty() {
            return Ok(Self::default());
        }
        if !one.is_limited(true) {
            let everywhere = ["0.0.0.0/0", "::/0"].into_iter().filter_map(|net| net.parse().ok());
            one.excluded.extend(everywhere.map(Subtree::Addresses));
        }
        Ok(Self { all: vec![one], limits_subjects: false })
    }

    /// What a certificate of an authority says, beside what this says already.
    pub(super) fn add(&mut self, certificate: &X509Certificate<'_>) {
        for extension in certificate.extensions() {
            let ParsedExtension::NameConstraints(said) = extension.parsed_extension() else { continue };
            let mut one = Subtrees::default();
            for (trees, to) in
                [(&said.permitted_subtrees, &mut one.permitted), (&said.excluded_subtrees, &mut one.excluded)]
            {
                for tree in trees.iter().flatten() {
                    match Subtree::of(&tree.base) {
                        Some(subtree) => to.push(subtree),
                        None => self.limits_subjects |= matches!(tree.base, GeneralName::DirectoryName(_)),
                    }
                }
            }
            self.all.push(one);
        }
    }

    /// Beside what this says, what the other says.
    #[must_use]
    pub(super) fn and(mut self, other: &Self) -> Self {
        self.all.extend(other.all.iter().cloned());
        self.limits_subjects |= other.limits_subjects;
        self
    }

    /// Whether a leaf may be issued for this name, which may begin with `*.`, or address.
    pub fn permits(&self, host: &str) -> bool {
        self.all.iter().all(|one| one.permits(host))
    }

    /// Whether any name will do.
    pub fn is_any(&self) -> bool {
        self.all.iter().all(|one| one.permitted.is_empty() && one.excluded.is_empty())
    }

    /// Whether leaves must have no subject.
    pub(super) fn limits_subjects(&self) -> bool {
        self.limits_subjects
    }

    /// Each part in words.
    pub fn described(&self) -> Vec<String> {
        let words = |(what, trees): (&str, &[Subtree])| {
            let list: Vec<_> = trees.iter().map(Subtree::to_string).collect();
            (!list.is_empty()).then(|| format!("{what} {}", list.join(", ")))
        };
        let parts = self.all.iter().flat_map(|one| [("only", &one.permitted[..]), ("not", &one.excluded[..])]);
        parts.filter_map(words).collect()
    }

    /// The extension that says this in a certificate, as far as the configuration lists it; none if any name will do.
    pub(super) fn extension(&self) -> Option<NameConstraints> {
        let one = self.all.first()?;
        Some(NameConstraints {
            permitted_subtrees: one.permitted.iter().map(Subtree::to_general).collect(),
            excluded_subtrees: one.excluded.iter().map(Subtree::to_general).collect(),
        })
    }
}

impl Subtrees {
    /// Whether it lists names, or addresses: each counts for itself.
    fn is_limited(&self, address: bool) -> bool {
        self.permitted.iter().any(|tree| matches!(tree, Subtree::Addresses(_)) == address)
    }

    fn permits(&self, host: &str) -> bool {
        match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            Ok(address) => {
                let in_any = |trees: &[Subtree]| {
                    trees.iter().any(|tree| matches!(tree, Subtree::Addresses(net) if net.contains(&address)))
                };
                !in_any(&self.excluded) && (!self.is_limited(true) || in_any(&self.permitted))
            }
            Err(_) => {
                let (bare, is_wild) = host.strip_prefix("*.").map_or((host, false), |bare| (bare, true));
                let has = |tree: &Subtree| matches!(tree, Subtree::Names(name) if is_within(bare, name));
                // A wildcard may stand for an excluded name.
                let may_be = |tree: &Subtree| {
                    has(tree) || is_wild && matches!(tree, Subtree::Names(name) if is_within(name, bare))
                };
                !self.excluded.iter().any(may_be) && (!self.is_limited(false) || self.permitted.iter().any(has))
            }
        }
    }
}

/// Whether a name is `tree`, or below it.
fn is_within(name: &str, tree: &str) -> bool {
    if tree.is_empty() {
        return true;
    }
    let (name, tree) = (name.to_ascii_lowercase(), tree.to_ascii_lowercase());
    match name.strip_suffix(&tree) {
        Some("") => true,
        Some(before) => tree.starts_with('.') || before.ends_with('.'),
        None => false,
    }
}

impl Subtree {
    fn read(entry: &str) -> Option<Self> {
        if let Ok(net) = entry.parse::<IpNet>() {
            return Some(Self::Addresses(net.trunc()));
        }
        // As a URL has it.
        let inner = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
        if let Ok(address) = inner.parse::<IpAddr>() {
            return Some(Self::Addresses(address.into()));
        }
        let bare = entry.strip_prefix('.').unwrap_or(entry);
        let is_good = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'))
        };
        (bare.len() <= 253 && bare.split('.').all(is_good)).then(|| Self::Names(entry.to_ascii_lowercase()))
    }

    fn of(name: &GeneralName<'_>) -> Option<Self> {
        match name {
            GeneralName::DNSName(name) => Some(Self::Names((*name).to_owned())),
            GeneralName::IPAddress(octets) => {
                let (address, mask) = octets.split_at_checked(octets.len() / 2)?;
                let read = |octets: &[u8]| match octets.len() {
                    4 => <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
                    16 => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
                    _ => None,
                };
                IpNet::with_netmask(read(address)?, read(mask)?).ok().map(|net| Self::Addresses(net.trunc()))
            }
            _ => None,
        }
    }

    fn to_general(&self) -> GeneralSubtree {
        match self {
            Self::Names(name) => GeneralSubtree::DnsName(name.clone()),
            Self::Addresses(net) => {
                GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(net.addr(), net.prefix_len()))
            }
        }
    }
}

impl std::fmt::Display for Subtree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Names(name) => f.write_str(name),
            Self::Addresses(net) => write!(f, "{net}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_permitted_with_all_below_it_and_addresses_only_where_they_are_listed() {
        let names = Names::listed(["contoso.com", ".sub.test", "10.0.0.0/8", "2001:db8::1"]).unwrap();
        for (host, permitted) in [
            ("contoso.com", true),
            ("WWW.Contoso.COM", true),
            ("*.contoso.com", true),
            ("notcontoso.com", false),
            ("contoso.com.evil.test", false),
            ("sub.test", false),
            ("a.sub.test", true),
            ("intranet", false),
            ("10.1.2.3", true),
            ("11.1.2.3", false),
            ("[2001:db8::1]", true),
            ("2001:db8::2", false),
        ] {
            assert_eq!(names.permits(host), permitted, "{host}");
        }
        assert_eq!(Names::listed(["[2001:db8::1]"]), Names::listed(["2001:db8::1"]), "the host of a URL");
        let alone = Names::listed(["contoso.com"]).unwrap();
        assert!(!alone.permits("10.1.2.3"), "a list without addresses means none");
        let extension = alone.extension().unwrap();
        assert_eq!((extension.permitted_subtrees.len(), extension.excluded_subtrees.len()), (1, 2));
        assert!(Names::default().permits("anything") && Names::listed([]).unwrap().is_any());
        assert_eq!(Names::listed(["a.test", "a b"]), Err(1));
        assert_eq!(names.described(), ["only contoso.com, .sub.test, 10.0.0.0/8, 2001:db8::1/128"]);
    }

    #[test]
    fn what_is_excluded_is_excluded_for_wildcards_that_may_stand_for_it_too() {
        let one = Subtrees {
            permitted: Vec::new(),
            excluded: vec![Subtree::Names("bank.contoso.com".into()), Subtree::Addresses("0.0.0.0/0".parse().unwrap())],
        };
        let names = Names { all: vec![one], limits_subjects: false };
        for (host, permitted) in [
            ("contoso.com", true),
            ("bank.contoso.com", false),
            ("a.bank.contoso.com", false),
            ("*.contoso.com", false),
            ("*.test", true),
            ("192.0.2.1", false),
            ("2001:db8::1", true),
        ] {
            assert_eq!(names.permits(host), permitted, "{host}");
        }
    }
}
