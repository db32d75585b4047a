//! What looks wrong in record data that is well-formed, and is served all the same.

use halfmoon_wire::{Name, Type};

use super::RdataFault;

/// Looks at the wire form of data that starts at `at` in the text.
pub(super) fn look(rtype: Type, rdata: &[u8], at: usize, warnings: &mut Vec<RdataFault>) {
    let expected = match (rtype, rdata) {
        (Type::DS | Type::CDS | Type::DLV | Type::TA, &[_, _, _, digest, ref rest @ ..]) => {
            digest_length(digest).map(|length| (length, rest.len()))
        }
        (Type::SSHFP, &[_, hash, ref rest @ ..]) => match hash {
            1 => Some((20, rest.len())),
            2 => Some((32, rest.len())),
            _ => None,
        },
        (Type::TLSA | Type::SMIMEA, &[_, _, hash, ref rest @ ..]) => match hash {
            1 => Some((32, rest.len())),
            2 => Some((64, rest.len())),
            _ => None,
        },
        (Type::ZONEMD, &[_, _, _, _, _, hash, ref rest @ ..]) => match hash {
            1 => Some((48, rest.len())),
            2 => Some((64, rest.len())),
            _ => None,
        },
        _ => None,
    };
    if let Some((expected, found)) = expected.filter(|(expected, found)| expected != found) {
        let message = format!("a digest of {found} octets where its type has {expected}");
        warnings.push(RdataFault::new("digest-length", at, message));
    }
    if matches!(rtype, Type::SVCB | Type::HTTPS)
        && let [0, 0, rest @ ..] = rdata
        && Name::from_wire(rest).is_ok_and(|target| target.as_wire().len() < rest.len())
    {
        // RFC 9460 section 2.4.2: recipients ignore them.
        warnings.push(
            RdataFault::new("svcb-alias-params", at, "parameters of an alias are ignored")
                .help("write a priority above 0, or leave the parameters out"),
        );
    }
}

/// Octets of a DS digest by its type (IANA "Delegation Signer Digest Algorithms").
const fn digest_length(digest: u8) -> Option<usize> {
    Some(match digest {
        1 => 20,
        2 | 3 | 5 | 6 => 32,
        4 => 48,
        _ => return None,
    })
}
