//! A set of addresses: ranges in order, so that one of a million is found in twenty steps.

use std::io::{self, Read, Write};
use std::net::IpAddr;

use ipnet::IpNet;

use super::table::number;

/// The set. Ranges that touch are one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges {
    four: Box<[(u32, u32)]>,
    six: Box<[(u128, u128)]>,
}

impl FromIterator<IpNet> for Ranges {
    fn from_iter<T: IntoIterator<Item = IpNet>>(nets: T) -> Self {
        let (mut four, mut six) = (Vec::new(), Vec::new());
        for net in nets {
            match net {
                IpNet::V4(net) => four.push((net.network().to_bits(), net.broadcast().to_bits())),
                IpNet::V6(net) => six.push((net.network().to_bits(), net.broadcast().to_bits())),
            }
        }
        Self { four: merged(four, |end| end.checked_add(1)), six: merged(six, |end| end.checked_add(1)) }
    }
}

impl Ranges {
    /// Whether it holds `address`. An IPv4 address that is written as an IPv6 one is that IPv4 address.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => is_in(&self.four, address.to_bits()),
            IpAddr::V6(address) => is_in(&self.six, address.to_bits()),
        }
    }

    /// How many ranges there are.
    pub(super) fn len(&self) -> u64 {
        (self.four.len() + self.six.len()) as u64
    }

    /// Octets of memory.
    pub(super) fn memory(&self) -> u64 {
        (self.four.len() * 8 + self.six.len() * 32) as u64
    }

    /// Writes it as [`Ranges::read`] reads it.
    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&(self.four.len() as u64).to_le_bytes())?;
        to.write_all(&(self.six.len() as u64).to_le_bytes())?;
        for (begin, end) in &self.four {
            to.write_all(&begin.to_le_bytes())?;
            to.write_all(&end.to_le_bytes())?;
        }
        for (begin, end) in &self.six {
            to.write_all(&begin.to_le_bytes())?;
            to.write_all(&end.to_le_bytes())?;
        }
        Ok(())
    }

    /// Reads what [`Ranges::write`] has written. `most` is how many octets there can be.
    pub(super) fn read(from: &mut impl Read, most: u64) -> io::Result<Self> {
        let [fours, sixes] = [number(from)?, number(from)?];
        if fours.saturating_mul(8).saturating_add(sixes.saturating_mul(32)) > most {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (mut word, mut long) = ([0; 4], [0; 16]);
        let mut four = || from.read_exact(&mut word).map(|()| u32::from_le_bytes(word));
        let four = (0..fours).map(|_| Ok((four()?, four()?))).collect::<io::Result<_>>()?;
        let mut six = || from.read_exact(&mut long).map(|()| u128::from_le_bytes(long));
        let six = (0..sixes).map(|_| Ok((six()?, six()?))).collect::<io::Result<_>>()?;
        Ok(Self { four, six })
    }
}

/// An address as the host of a URL, in its one spelling (RFC 5952). An IPv4 address that is written as an IPv6 one is that
/// IPv4 address.
pub(super) fn text_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

fn is_in<T: Ord + Copy>(ranges: &[(T, T)], address: T) -> bool {
    let after = ranges.partition_point(|(begin, _)| *begin <= address);
    after.checked_sub(1).and_then(|at| ranges.get(at)).is_some_and(|(_, end)| address <= *end)
}

/// The ranges in order, those in one that touch.
fn merged<T: Ord + Copy>(mut ranges: Vec<(T, T)>, next: impl Fn(T) -> Option<T>) -> Box<[(T, T)]> {
    ranges.sort_unstable();
    let mut merged: Vec<(T, T)> = Vec::with_capacity(ranges.len());
    for (begin, end) in ranges {
        match merged.last_mut() {
            Some((_, last)) if next(*last).is_none_or(|next| begin <= next) => *last = end.max(*last),
            _ => merged.push((begin, end)),
        }
    }
    merged.into_boxed_slice()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_what_their_networks_hold() {
        let nets =
            ["192.0.2.0/25", "192.0.2.128/25", "10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32", "255.255.255.255/32"];
        let set: Ranges = nets.iter().map(|net| net.parse::<IpNet>().unwrap()).collect();
        assert_eq!(set.len(), 4, "two halves are one, and what is inside another is nothing of its own");
        for (address, held) in [
            ("192.0.2.0", true),
            ("192.0.2.255", true),
            ("192.0.3.0", false),
            ("192.0.1.255", false),
            ("10.255.255.255", true),
            ("11.0.0.0", false),
            ("9.255.255.255", false),
            ("255.255.255.255", true),
            ("255.255.255.254", false),
            ("::ffff:10.2.3.4", true),
            ("2001:db8:ffff::1", true),
            ("2001:db9::", false),
        ] {
            assert_eq!(set.contains(address.parse().unwrap()), held, "{address}");
        }
        assert!(!Ranges::default().contains("10.0.0.1".parse().unwrap()));
    }
}
