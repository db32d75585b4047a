//! What may be probed, and why a check is refused.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use ipnet::{IpNet, Ipv4Net};

use crate::check::{Check, Probe};
use crate::refused::Refused;

/// The networks whose addresses may be probed, the heartbeats that there are, and the folder whose
/// files may be read.
///
/// An address may be probed if some allowed network holds it and no denied one does: deny wins,
/// however narrow the allowed network is. An IPv4-mapped IPv6 address is judged as the IPv4 address
/// that it stands for, and an unspecified address (`0.0.0.0`, `::`), which reaches this very host,
/// as the loopback address too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetPolicy {
    allow: Vec<IpNet>,
    deny: Vec<IpNet>,
    beats: BTreeSet<Box<str>>,
    files: Option<PathBuf>,
}

/// Why an address may not be probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// A denied network holds it.
    #[error("{address} is in {network}, which `targets.deny` names")]
    Denied {
        /// The address under test.
        address: IpAddr,
        /// The network that denies it.
        network: IpNet,
    },
    /// No allowed network holds it.
    #[error("{address} is in none of the networks that `targets.allow` names")]
    NotAllowed {
        /// The address under test.
        address: IpAddr,
    },
}

impl TargetPolicy {
    /// A policy of these networks; IPv4-mapped ones are taken as IPv4. There are no heartbeats, and no
    /// files are read.
    #[must_use]
    pub fn new(allow: Vec<IpNet>, deny: Vec<IpNet>) -> Self {
        let unmapped = |nets: Vec<IpNet>| nets.into_iter().map(unmapped).collect();
        Self { allow: unmapped(allow), deny: unmapped(deny), ..Self::nothing() }
    }

    /// The same with heartbeats of these names.
    #[must_use]
    pub fn with_beats(mut self, names: impl IntoIterator<Item = Box<str>>) -> Self {
        self.beats.extend(names);
        self
    }

    /// The same with files that may be read, all below this folder.
    #[must_use]
    pub fn with_files(mut self, folder: PathBuf) -> Self {
        self.files = Some(folder);
        self
    }

    /// The names of the heartbeats.
    pub(crate) fn beats(&self) -> impl Iterator<Item = &str> {
        self.beats.iter().map(|name| &**name)
    }

    /// The folder whose files may be read.
    pub(crate) fn files(&self) -> Option<&Path> {
        self.files.as_deref()
    }

    /// Whether a check may be carried out, with all that it is made of.
    pub(crate) fn admit(&self, check: &Check) -> Result<(), Refused> {
        match &check.probe {
            Probe::Beat(beat) if !self.beats.contains(&*beat.name) => {
                Err(Refused::NoBeat { name: beat.name.clone() })
            }
            Probe::File(_) if self.files.is_none() => Err(Refused::NoFiles),
            Probe::Group(group) => group.parts.iter().try_for_each(|part| self.admit(part)),
            _ => match check.address() {
                Some(address) => Ok(self.judge(address)?),
                None => Ok(()),
            },
        }
    }

    fn nothing() -> Self {
        Self { allow: Vec::new(), deny: Vec::new(), beats: BTreeSet::new(), files: None }
    }

    /// Whether the address may be probed.
    ///
    /// # Errors
    /// The network that denies it, or that no network allows it.
    pub fn judge(&self, address: IpAddr) -> Result<(), Denial> {
        let address = address.to_canonical();
        self.judge_as(address, address)?;
        match address {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => self.judge_as(address, Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => self.judge_as(address, Ipv6Addr::LOCALHOST.into()),
            _ => Ok(()),
        }
    }

    fn judge_as(&self, address: IpAddr, reached: IpAddr) -> Result<(), Denial> {
        if let Some(network) = self.deny.iter().find(|network| network.contains(&reached)) {
            return Err(Denial::Denied { address, network: *network });
        }
        if self.allow.iter().any(|network| network.contains(&reached)) {
            return Ok(());
        }
        Err(Denial::NotAllowed { address })
    }
}

impl Default for TargetPolicy {
    /// Everything is allowed but link-local addresses, where clouds keep their metadata services.
    fn default() -> Self {
        let net = |address: IpAddr, length: u8| IpNet::new_assert(address, length);
        Self {
            allow: vec![net(Ipv4Addr::UNSPECIFIED.into(), 0), net(Ipv6Addr::UNSPECIFIED.into(), 0)],
            deny: vec![
                net(Ipv4Addr::new(169, 254, 0, 0).into(), 16),
                net(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0).into(), 10),
            ],
            ..Self::nothing()
        }
    }
}

fn unmapped(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else {
        return network;
    };
    match (v6.network().to_ipv4_mapped(), v6.prefix_len().checked_sub(96)) {
        (Some(v4), Some(length)) => IpNet::V4(Ipv4Net::new_assert(v4, length)),
        _ => network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(text: &str) -> Vec<IpNet> {
        text.split_whitespace().map(|net| net.parse().expect("a network")).collect()
    }

    fn check(allow: &str, deny: &str, address: &str, expected: &str) {
        let policy = TargetPolicy::new(nets(allow), nets(deny));
        let said = match policy.judge(address.parse().expect("an address")) {
            Ok(()) => "ok".to_owned(),
            Err(Denial::Denied { network, .. }) => network.to_string(),
            Err(Denial::NotAllowed { .. }) => "not allowed".to_owned(),
        };
        assert_eq!(said, expected, "allow {allow}, deny {deny}, address {address}");
    }

    #[test]
    fn deny_wins_and_mapped_addresses_are_ipv4() {
        let all = "0.0.0.0/0 ::/0";
        check(all, "", "192.0.2.1", "ok");
        check(all, "", "2001:db8::1", "ok");
        check(all, "10.0.0.0/8", "10.1.2.3", "10.0.0.0/8");
        check("10.1.0.0/16", "10.0.0.0/8", "10.1.2.3", "10.0.0.0/8");
        check("10.1.0.0/16", "", "10.2.0.1", "not allowed");
        check("10.1.0.0/16", "", "::ffff:10.1.0.1", "ok");
        check("::/0", "", "::ffff:10.1.0.1", "not allowed");
        check(all, "169.254.0.0/16", "::ffff:169.254.169.254", "169.254.0.0/16");
        check(all, "::ffff:169.254.0.0/112", "169.254.169.254", "169.254.0.0/16");
        check("", "", "192.0.2.1", "not allowed");
    }

    #[test]
    fn an_unspecified_address_is_this_host() {
        let all = "0.0.0.0/0 ::/0";
        check(all, "127.0.0.0/8", "0.0.0.0", "127.0.0.0/8");
        check(all, "::1/128", "::", "::1/128");
        check(all, "127.0.0.0/8", "::ffff:0.0.0.0", "127.0.0.0/8");
        check(all, "10.0.0.0/8", "0.0.0.0", "ok");
    }

    #[test]
    fn link_local_addresses_are_denied_by_default() {
        let policy = TargetPolicy::default();
        for (address, allowed) in [
            ("127.0.0.1", true),
            ("192.0.2.1", true),
            ("2001:db8::1", true),
            ("169.254.169.254", false),
            ("::ffff:169.254.169.254", false),
            ("fe80::1", false),
        ] {
            let address: IpAddr = address.parse().expect("an address");
            assert_eq!(policy.judge(address).is_ok(), allowed, "{address}");
        }
    }
}
