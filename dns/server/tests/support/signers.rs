//! Zones signed by `dnssec-signzone` and `ldns-signzone`, with keys that are made for it.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::peer::installed;

/// By which records a zone denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    Nsec,
    Nsec3,
    OptOut,
}

pub const CHAINS: [Chain; 3] = [Chain::Nsec, Chain::Nsec3, Chain::OptOut];

/// Who signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    Bind,
    Ldns,
}

impl Tool {
    /// The program that signs.
    pub const fn program(self) -> &'static str {
        match self {
            Self::Bind => "dnssec-signzone",
            Self::Ldns => "ldns-signzone",
        }
    }

    /// Signs the zone in `text`, in the folder, with a KSK and a ZSK of its own. `more` are further
    /// options. The signed zone, and the text of its DS record.
    pub fn sign(
        self,
        folder: &Path,
        (apex, text): (&str, &str),
        (chain, algorithm): (Chain, u8),
        more: &[&str],
    ) -> (String, String) {
        let signed = self.try_sign(folder, (apex, text), (chain, algorithm), more);
        signed.unwrap_or_else(|said| panic!("{said}"))
    }

    /// The same, or what the tool does not like.
    pub fn try_sign(
        self,
        folder: &Path,
        (apex, text): (&str, &str),
        (chain, algorithm): (Chain, u8),
        more: &[&str],
    ) -> Result<(String, String), String> {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("plain"), text).unwrap();
        match self {
            Self::Bind => bind(folder, apex, chain, algorithm, more),
            Self::Ldns => ldns(folder, apex, chain, algorithm, more),
        }
    }
}

fn bind(
    folder: &Path,
    apex: &str,
    chain: Chain,
    algorithm: u8,
    more: &[&str],
) -> Result<(String, String), String> {
    let algorithm = algorithm.to_string();
    let bits: &[&str] = if algorithm == "8" { &["-b", "2048"] } else { &[] };
    for role in [&[][..], &["-f", "KSK"]] {
        let args = [&["-K", ".", "-a", &algorithm], bits, role, &[apex]].concat();
        try_run(folder, "dnssec-keygen", &args)?;
    }
    let chain: &[&str] = match chain {
        Chain::Nsec => &[],
        Chain::Nsec3 => &["-3", "-"],
        Chain::OptOut => &["-3", "-", "-A"],
    };
    let args = [&["-S", "-K", ".", "-o", apex, "-f", "signed"], chain, more, &["plain"]].concat();
    try_run(folder, "dnssec-signzone", &args)?;
    let ds = fs::read_to_string(folder.join(format!("dsset-{apex}"))).unwrap();
    Ok((fs::read_to_string(folder.join("signed")).unwrap(), ds))
}

fn ldns(
    folder: &Path,
    apex: &str,
    chain: Chain,
    algorithm: u8,
    more: &[&str],
) -> Result<(String, String), String> {
    let algorithm = match algorithm {
        8 => "RSASHA256",
        15 => "ED25519",
        _ => "ECDSAP256SHA256",
    };
    let key = |role: &[&str]| {
        let args = [role, &["-a", algorithm, apex]].concat();
        try_run(folder, "ldns-keygen", &args).map(|said| said.trim().to_owned())
    };
    let (ksk, zsk) = (key(&["-k"])?, key(&[])?);
    let chain: &[&str] = match chain {
        Chain::Nsec => &[],
        Chain::Nsec3 => &["-n", "-t", "0"],
        Chain::OptOut => &["-n", "-t", "0", "-p"],
    };
    let args = [&["-o", apex, "-f", "signed"], chain, more, &["plain", &ksk, &zsk]].concat();
    try_run(folder, "ldns-signzone", &args)?;
    let ds = fs::read_to_string(folder.join(format!("{ksk}.ds"))).unwrap();
    Ok((fs::read_to_string(folder.join("signed")).unwrap(), ds))
}

/// Runs a program in a folder to its good end; what it said.
#[track_caller]
pub fn run(folder: &Path, program: &str, args: &[&str]) -> String {
    try_run(folder, program, args).unwrap_or_else(|said| panic!("{said}"))
}

/// The same, or what it said if the end is not good.
fn try_run(folder: &Path, program: &str, args: &[&str]) -> Result<String, String> {
    let ended =
        Command::new(installed(program).unwrap()).args(args).current_dir(folder).output().unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    if ended.status.success() {
        return Ok(out.into_owned());
    }
    Err(format!("{program} {args:?}\n{out}\n{err}"))
}
