//! Private keys as other software keeps them: the "Private-key-format" of BIND, which NSD's, Knot's and
//! PowerDNS' tools read and write as well, and PKCS #8 in PEM.

use std::fmt::Write as _;

use aws_lc_rs::agreement::{self, ECDH_P256};
use aws_lc_rs::encoding::AsBigEndian as _;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use data_encoding::{BASE64, BASE64_MIME_PERMISSIVE};

use crate::key::Secret;
use crate::{Algorithm, Key, Role};

/// The fields of an RSA key, in the order in which PKCS #1 has them behind the version (RFC 8017
/// appendix A.1.2).
const RSA_FIELDS: [&str; 8] = [
    "Modulus",
    "PublicExponent",
    "PrivateExponent",
    "Prime1",
    "Prime2",
    "Exponent1",
    "Exponent2",
    "Coefficient",
];

/// Why a text is no private key, without a word of what is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PortableError {
    /// It is in none of the formats.
    #[error(
        "no private key: it begins neither with `Private-key-format:` nor with `-----BEGIN PRIVATE KEY-----`"
    )]
    Format,
    /// A field is not there, or is not base64.
    #[error("the field {0} is missing, or is not base64")]
    Field(&'static str),
    /// An algorithm that is not known here.
    #[error("algorithm {0} is not one of 13 (ECDSAP256SHA256), 15 (ED25519) and 8 (RSASHA256)")]
    Algorithm(String),
    /// The numbers make no key.
    #[error("the numbers in it make no {0} key")]
    Key(Algorithm),
    /// What is in the PEM is no key of an algorithm known here.
    #[error("the PEM holds no ECDSA P-256, Ed25519 or RSA key in PKCS #8")]
    Pem,
}

/// Reads a private key.
///
/// # Errors
/// The text is no private key of an algorithm known here.
pub fn read_private(text: &str, role: Role) -> Result<Key, PortableError> {
    let text = text.trim_start();
    if text.starts_with("-----BEGIN") {
        return read_pem(text, role);
    }
    if !text.starts_with("Private-key-format:") {
        return Err(PortableError::Format);
    }
    let find = |name: &str| {
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(key, _)| key.trim() == name).map(|(_, value)| value.trim()).next()
    };
    let field = |name: &'static str| {
        let octets = find(name).and_then(|value| BASE64.decode(value.as_bytes()).ok());
        octets.ok_or(PortableError::Field(name))
    };
    // `13 (ECDSAP256SHA256)`, or the number alone.
    let named = find("Algorithm").ok_or(PortableError::Field("Algorithm"))?;
    let number = named.split_whitespace().next().and_then(|number| number.parse().ok());
    let algorithm = number
        .and_then(Algorithm::from_number)
        .ok_or_else(|| PortableError::Algorithm(named.chars().take(40).collect()))?;
    let secret = match algorithm {
        Algorithm::EcdsaP256Sha256 => ecdsa(&field("PrivateKey")?),
        Algorithm::Ed25519 => Ed25519KeyPair::from_seed_unchecked(&field("PrivateKey")?)
            .ok()
            .map(|pair| Secret::Ed25519(Box::new(pair))),
        Algorithm::RsaSha256 => {
            let mut body = integer(&[0]);
            for name in RSA_FIELDS {
                body.extend(integer(&field(name)?));
            }
            let document = tagged(SEQUENCE, &body);
            let pair = aws_lc_rs::rsa::KeyPair::from_der(&document).ok();
            pair.map(|pair| Secret::Rsa(Box::new(pair)))
        }
    };
    let secret = secret.ok_or(PortableError::Key(algorithm))?;
    Ok(Key::of(secret, algorithm, role))
}

fn read_pem(text: &str, role: Role) -> Result<Key, PortableError> {
    let (_, rest) = text.split_once("-----BEGIN PRIVATE KEY-----").ok_or(PortableError::Format)?;
    let (body, _) = rest.split_once("-----END PRIVATE KEY-----").ok_or(PortableError::Format)?;
    let octets = BASE64_MIME_PERMISSIVE.decode(body.as_bytes()).map_err(|_| PortableError::Pem)?;
    Algorithm::ALL
        .into_iter()
        .find_map(|algorithm| Key::from_pkcs8(&octets, algorithm, role).ok())
        .ok_or(PortableError::Pem)
}

/// The key whose private half is this number: the public one follows from it.
fn ecdsa(private: &[u8]) -> Option<Secret> {
    let half = agreement::PrivateKey::from_private_key(&ECDH_P256, private).ok()?;
    let public = half.compute_public_key().ok()?;
    let how = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let pair = EcdsaKeyPair::from_private_key_and_public_key(how, private, public.as_ref());
    Some(Secret::Ecdsa(Box::new(pair.ok()?)))
}

/// Writes a private key in the format of BIND, version 1.3. To be kept where nobody else reads it.
///
/// # Errors
/// The library does not give it out.
pub fn write_private(key: &Key) -> Result<String, PortableError> {
    let algorithm = key.algorithm();
    let failed = PortableError::Key(algorithm);
    let mut text =
        format!("Private-key-format: v1.3\nAlgorithm: {} ({algorithm})\n", algorithm.number());
    let mut put = |name: &str, octets: &[u8]| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name}: {}", BASE64.encode(octets));
    };
    match key.secret() {
        Secret::Ecdsa(pair) => {
            let private = pair.private_key().as_be_bytes().map_err(|_| failed)?;
            put("PrivateKey", private.as_ref());
        }
        Secret::Ed25519(pair) => {
            let seed = pair.seed().map_err(|_| failed.clone())?;
            let seed = seed.as_be_bytes().map_err(|_| failed)?;
            put("PrivateKey", seed.as_ref());
        }
        Secret::Rsa(_) => {
            let document = key.to_pkcs8().map_err(|_| failed.clone())?;
            let numbers = rsa_numbers(&document).ok_or(failed)?;
            for (name, number) in RSA_FIELDS.iter().zip(&numbers) {
                put(name, number);
            }
        }
    }
    Ok(text)
}

// DER, as far as RSA keys need it (ITU-T X.690).
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

fn tagged(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = body.len();
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let octets = length.to_be_bytes();
            let from = octets.iter().position(|octet| *octet != 0).unwrap_or(octets.len());
            out.push(0x80 | (octets.len() - from) as u8);
            out.extend(&octets[from..]);
        }
    }
    out.extend(body);
    out
}

/// A number that is not negative.
fn integer(octets: &[u8]) -> Vec<u8> {
    let from = octets.iter().position(|octet| *octet != 0);
    let digits = from.map_or(&[0][..], |from| &octets[from..]);
    let mut body = Vec::with_capacity(digits.len() + 1);
    if digits[0] >= 0x80 {
        body.push(0);
    }
    body.extend(digits);
    tagged(INTEGER, &body)
}

/// The body of an element with this tag, and what is behind it.
fn element(tag: u8, octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = octets.split_first_chunk()?;
    if found != tag {
        return None;
    }
    let (length, rest) = match first {
        0..0x80 => (usize::from(first), rest),
        _ => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let value = length.iter().try_fold(0_usize, |value, octet| {
                value.checked_mul(256)?.checked_add(usize::from(*octet))
            });
            (value?, rest)
        }
    };
    rest.split_at_checked(length)
}

/// The numbers of an RSA key in PKCS #8, without leading zeros.
fn rsa_numbers(document: &[u8]) -> Option<Vec<&[u8]>> {
    let (outer, _) = element(SEQUENCE, document)?;
    let (_version, rest) = element(INTEGER, outer)?;
    let (_algorithm, rest) = element(SEQUENCE, rest)?;
    let (inner, _) = element(OCTET_STRING, rest)?;
    let (key, _) = element(SEQUENCE, inner)?;
    let (_version, mut rest) = element(INTEGER, key)?;
    let mut numbers = Vec::with_capacity(RSA_FIELDS.len());
    for _ in RSA_FIELDS {
        let (number, behind) = element(INTEGER, rest)?;
        numbers.push(number.strip_prefix(&[0]).unwrap_or(number));
        rest = behind;
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_from_both_formats() {
        for algorithm in Algorithm::ALL {
            for role in [Role::Csk, Role::Ksk, Role::Zsk] {
                let key = Key::generate(algorithm, role).unwrap();
                let text = write_private(&key).unwrap();
                let again = read_private(&text, role).unwrap();
                assert_eq!(again.dnskey(), key.dnskey(), "{text}");
                let body = BASE64.encode(&key.to_pkcs8().unwrap());
                let pem = format!(
                    "\n-----BEGIN PRIVATE KEY-----\n{}\n{}\n-----END PRIVATE KEY-----\n",
                    &body[..40],
                    &body[40..]
                );
                assert_eq!(read_private(&pem, role).unwrap().dnskey(), key.dnskey());
            }
        }
    }

    /// RFC 6605 section 6.1, RFC 8080 section 6.1: the keys that the examples give.
    #[test]
    fn the_keys_of_the_rfcs_are_read() {
        for (text, tag, role) in [
            (
                "Private-key-format: v1.2\nAlgorithm: 13 (ECDSAP256SHA256)\n\
                 PrivateKey: GU6SnQ/Ou+xC5RumuIUIuJZteXT2z0O/ok1s38Et6mQ=\n",
                55648,
                Role::Ksk,
            ),
            (
                "Private-key-format: v1.2\nAlgorithm: 15 (ED25519)\n\
                 PrivateKey: ODIyNjAzODQ2MjgwODAxMjI2NDUxOTAyMDQxNDIyNjI=\n",
                3613,
                Role::Ksk,
            ),
            (
                "Private-key-format: v1.2\nAlgorithm: 15 (ED25519)\n\
                 PrivateKey: DSSF3o0s0f+ElWzj9E/Osxw8hLpk55chkmx0LYN5WiY=\n",
                35217,
                Role::Ksk,
            ),
        ] {
            assert_eq!(read_private(text, role).unwrap().tag(), tag, "{text}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused_without_a_word_of_it() {
        let head = "Private-key-format: v1.3\n";
        for (text, said) in [
            (String::new(), "neither with"),
            ("secret".to_owned(), "neither with"),
            (head.to_owned(), "field Algorithm"),
            (format!("{head}Algorithm: 5 (RSASHA1)\n"), "algorithm 5 (RSASHA1) is not one of"),
            (format!("{head}Algorithm: 13\n"), "field PrivateKey"),
            (format!("{head}Algorithm: 13\nPrivateKey: !secret!\n"), "field PrivateKey"),
            (format!("{head}Algorithm: 13\nPrivateKey: c2VjcmV0\n"), "make no ECDSAP256SHA256 key"),
            (format!("{head}Algorithm: 15\nPrivateKey: c2VjcmV0\n"), "make no ED25519 key"),
            (format!("{head}Algorithm: 8\nModulus: AQ==\n"), "field PublicExponent"),
            (
                "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----".to_owned(),
                "the PEM holds no",
            ),
            ("-----BEGIN EC PRIVATE KEY-----\nc2VjcmV0\n".to_owned(), "neither with"),
        ] {
            let error = read_private(&text, Role::Csk).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
            assert!(!error.contains("secret") && !error.contains("c2Vj"), "{error}");
        }
    }
}
