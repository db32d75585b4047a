//! Record data: text to octets, and whether octets are right.

mod right;

use data_encoding::HEXLOWER;
use halfmoon_wire::{NameBuf, Type};
use halfmoon_zones::rdata;

use right::RIGHT;

fn parse(rtype: &str, text: &str) -> Result<String, (usize, &'static str)> {
    let origin: NameBuf = "example.".parse().unwrap();
    let mut out = vec![0xee];
    let done =
        rdata::parse(rtype.parse().unwrap(), text.as_bytes(), Some(origin.as_name()), &mut out);
    match done {
        Ok(()) => Ok(HEXLOWER.encode(&out[1..])),
        Err(fault) => {
            assert_eq!(out, [0xee], "a fault leaves nothing behind: {rtype} {text}");
            Err((fault.offset, fault.rule))
        }
    }
}

#[test]
fn text_means_its_octets() {
    for (rtype, text, octets) in RIGHT {
        assert_eq!(parse(rtype, text), Ok((*octets).to_owned()), "{rtype} {text}");
    }
}

#[test]
fn what_text_means_is_right_in_the_generic_form_as_well() {
    for (rtype, text, octets) in RIGHT {
        let generic = format!("\\# {} {octets}", octets.len() / 2);
        assert_eq!(parse(rtype, &generic), Ok((*octets).to_owned()), "{rtype} {text}");
    }
}

#[test]
fn octets_shown_as_text_mean_the_same_octets() {
    for (rtype, text, octets) in RIGHT {
        let data = HEXLOWER.decode(octets.as_bytes()).unwrap();
        let mut shown = Vec::new();
        rdata::show(rtype.parse().unwrap(), &data, &mut shown);
        let shown = String::from_utf8(shown).unwrap();
        assert_eq!(parse(rtype, &shown), Ok((*octets).to_owned()), "{rtype} {text}: {shown}");
        // Only what has no text of its own is written as octets.
        let is_octets = shown.starts_with("\\#");
        assert!(!is_octets || text.starts_with("\\#") || text.is_empty(), "{text}: {shown}");
    }
}

#[test]
fn octets_have_the_usual_text() {
    for (rtype, text) in [
        ("A", "192.0.2.1"),
        ("AAAA", "2001:db8::1"),
        ("NS", "ns.example."),
        ("SOA", "ns.example. host.example. 1 7200 3600 1209600 300"),
        ("MX", "10 mail.example."),
        ("TXT", r#""one" "two three" "" "a\"b\\c\009\200""#),
        ("SRV", "0 5 5060 sip.example."),
        ("CAA", r#"0 issue "ca.example; policy=ev""#),
        ("LOC", "42 21 54.000 N 71 6 18.500 W -24.00m 30.00m 10000.00m 10.00m"),
        ("NAPTR", r#"100 10 "" "" "!^.*$!x!" ."#),
        ("DS", "1 13 2 0a0b"),
        ("RRSIG", "A 13 2 300 20260102030405 20240229235959 1 example. AAEC"),
        ("NSEC", "a.example. A MX TYPE65280"),
        ("NSEC3", "1 0 0 - 0123456789abcdefghijklmnopqrstuv A"),
        (
            "SVCB",
            r#"1 . mandatory=port alpn="h2,h3" port=443 ipv4hint=192.0.2.1,192.0.2.2 key65280="x y""#,
        ),
        ("EUI48", "00-00-5e-00-53-2a"),
        ("LUA", r#"A "pickrandom({'192.0.2.1'})""#),
        ("TYPE65280", r"\# 2 0a0b"),
        ("TYPE65280", r"\# 0"),
    ] {
        let mut data = Vec::new();
        let rtype = rtype.parse().unwrap();
        rdata::parse(rtype, text.as_bytes(), None, &mut data)
            .unwrap_or_else(|f| panic!("{text}: {f:?}"));
        let mut shown = Vec::new();
        rdata::show(rtype, &data, &mut shown);
        assert_eq!(String::from_utf8(shown).unwrap(), text);
    }
}

#[test]
fn octets_that_end_early_are_not_right() {
    // What runs to the end of the data cannot end early; what stands before it can.
    let open = |rtype| {
        matches!(
            rtype,
            "TXT"
                | "SPF"
                | "AVC"
                | "NINFO"
                | "RESINFO"
                | "WALLET"
                | "ISDN"
                | "WKS"
                | "APL"
                | "HIP"
                | "CSYNC"
                | "NSEC"
                | "NSEC3"
                | "SVCB"
                | "HTTPS"
                | "LOC"
        )
    };
    for (name, text, octets) in RIGHT {
        let rtype: Type = name.parse().unwrap();
        let whole = HEXLOWER.decode(octets.as_bytes()).unwrap();
        let mut last_wrong = None;
        for end in 0..whole.len() {
            if rdata::validate(rtype, &whole[..end]).is_err() {
                last_wrong = Some(end);
            }
        }
        let known = !matches!(*name, "TYPE65280" | "NULL") && !whole.is_empty();
        assert!(!known || last_wrong.is_some() || *name == "WKS", "{name} {text}");
        let mut longer = whole.clone();
        longer.extend_from_slice(&[0xc0, 0, 0]);
        let tail = open(name)
            || matches!(
                *name,
                "CERT"
                    | "DS"
                    | "CDS"
                    | "DLV"
                    | "SSHFP"
                    | "IPSECKEY"
                    | "RRSIG"
                    | "DNSKEY"
                    | "CDNSKEY"
                    | "DHCID"
                    | "TLSA"
                    | "SMIMEA"
                    | "OPENPGPKEY"
                    | "ZONEMD"
                    | "URI"
                    | "CAA"
                    | "NSAP"
                    | "KEY"
                    | "TYPE65280"
                    | "NULL"
            );
        assert!(tail || rdata::validate(rtype, &longer).is_err(), "{name} {text}");
    }
}

#[test]
fn no_octets_bring_the_check_down() {
    for (name, _, octets) in RIGHT {
        let rtype: Type = name.parse().unwrap();
        let whole = HEXLOWER.decode(octets.as_bytes()).unwrap();
        for at in 0..whole.len() {
            for value in [0, 1, 63, 64, 127, 192, 255] {
                let mut changed = whole.clone();
                changed[at] = value;
                let mut shown = Vec::new();
                rdata::show(rtype, &changed, &mut shown);
                assert!(!shown.is_empty(), "{name} {changed:?}");
                if let Err(fault) = rdata::validate(rtype, &changed) {
                    assert!(fault.offset <= changed.len(), "{name} {fault}");
                }
            }
        }
    }
}

#[test]
fn text_that_is_no_data_is_refused() {
    for (rtype, text, fault) in [
        ("A", "", (0, "missing-field")),
        ("A", "1.2.3.4.5", (0, "bad-address")),
        ("A", "01.2.3.4", (0, "bad-address")),
        ("A", "192.0.2.1\n192.0.2.2", (9, "extra-data")),
        ("A", "192.0.2.1 ; x", (10, "bare-semicolon")),
        ("AAAA", "fe80::1%eth0", (0, "bad-address")),
        ("SOA", "a b 1 2 3 4 x", (12, "bad-period")),
        ("SOA", "a b 4294967296 2 3 4 5", (4, "number-too-large")),
        ("TXT", "\"x", (0, "unclosed-string")),
        ("TXT", "(x", (0, "unclosed-parenthesis")),
        ("ISDN", "1 2 3", (4, "extra-data")),
        ("DS", "1 BOGUS 1 00", (2, "unknown-mnemonic")),
        ("DS", "1 1 1 0g", (7, "bad-hex")),
        ("CERT", "X.509 0 0 AAEC", (0, "unknown-mnemonic")),
        ("NSEC", "b BOGUS", (2, "unknown-type")),
        ("NSEC3", "1 0 0 - 8 A", (8, "bad-base32")),
        ("NSEC3", "1 0 0 - w0 A", (8, "bad-base32")),
        ("NSEC3PARAM", "1 0 0 abc", (6, "bad-hex")),
        ("ZONEMD", "1 1 1 00112233445566778899aa", (0, "short-data")),
        ("EUI48", "00-00-5e-00-53", (0, "bad-identifier")),
        ("EUI48", "00-00-5e-00-53-2a-2a", (0, "bad-identifier")),
        ("EUI64", "00-00-5e-00-53-2a", (0, "bad-identifier")),
        ("NID", "10 0014:4fff:ff20", (3, "bad-identifier")),
        ("NID", "10 00014:4fff:ff20:ee64", (3, "bad-identifier")),
        ("CAA", "0 is-sue x", (2, "bad-tag")),
        ("CAA", "256 issue x", (0, "number-too-large")),
        ("CAA", "0 issue", (7, "missing-field")),
        ("APL", "1:192.0.2.0/33", (0, "bad-prefix")),
        ("APL", "3:192.0.2.0/3", (0, "bad-prefix")),
        ("IPSECKEY", "10 0 2 gw AQNR", (7, "bad-gateway")),
        ("IPSECKEY", "10 4 2 gw AQNR", (3, "bad-gateway")),
        ("AMTRELAY", "10 2 1 192.0.2.1", (3, "bad-number")),
        ("HIP", "2 00 AA", (5, "bad-base64")),
        ("LOC", "91 N 0 E 0m", (0, "bad-location")),
        ("LOC", "90 0 0.001 N 0 E 0m", (0, "bad-location")),
        ("LOC", "1 60 N 0 E 0m", (2, "bad-location")),
        ("LOC", "1 N 181 W 0m", (4, "bad-location")),
        ("LOC", "1 N 1 X 0m", (6, "bad-location")),
        ("LOC", "1 N 1 W", (7, "missing-field")),
        ("LOC", "1 N 1 W -100001m", (8, "bad-location")),
        ("WKS", "192.0.2.1 tcp gopherd", (14, "unknown-mnemonic")),
        ("NSAP", "47.0005", (0, "bad-identifier")),
        ("RRSIG", "A 5 3 1 20031322173103 1 1 . AA==", (8, "bad-time")),
        ("SVCB", "1 foo. key123=abc key123=def", (18, "svcb-key-twice")),
        ("SVCB", "1 foo. mandatory", (7, "svcb-value")),
        ("SVCB", "1 foo. alpn", (7, "svcb-value")),
        ("SVCB", "1 foo. port", (7, "svcb-value")),
        ("SVCB", "1 foo. port=65536", (12, "number-too-large")),
        ("SVCB", "1 foo. ipv4hint", (7, "svcb-value")),
        ("SVCB", "1 foo. ipv6hint=192.0.2.1", (16, "bad-address")),
        ("SVCB", "1 foo. no-default-alpn=abc", (7, "svcb-value")),
        ("SVCB", "1 foo. mandatory=key123", (7, "svcb-mandatory")),
        ("SVCB", "1 foo. mandatory=mandatory", (7, "svcb-mandatory")),
        ("SVCB", "1 foo. mandatory=key123,key123 key123=abc", (7, "svcb-mandatory")),
        ("SVCB", "1 foo. alpn=h2,,h3", (12, "svcb-value")),
        ("SVCB", "1 foo. bogus=1", (7, "svcb-key")),
        ("SVCB", "1 foo. key65535=1", (7, "svcb-key")),
        ("SVCB", "1 foo. key01=1", (7, "svcb-key")),
        ("SVCB", "1 foo. key3=abc", (7, "svcb-value")),
        ("DOA", "1 2 3 \"\" AA==", (0, "no-text-form")),
        ("TXT", r"\# 3 0261", (3, "generic-length")),
        ("TXT", r"\# 2 0261", (0, "short-data")),
        ("SVCB", r"\# 12 0001 00 0003 0002 0035 0003 00", (0, "svcb-params")),
        ("SVCB", r"\# 13 0001 00 0003 0002 0035 0004 0000", (0, "svcb-value")),
        ("SVCB", r"\# 15 0001 00 0003 0002 0035 0003 0002 0035", (0, "svcb-params")),
        ("NSEC", r"\# 4 00 0001 00", (0, "bad-type-bitmap")),
        ("NSEC", r"\# 7 00 0101 40 0001 40", (0, "bad-type-bitmap")),
        ("LOC", r"\# 16 00aa1613 80000000 80000000 00989680", (0, "bad-location")),
    ] {
        assert_eq!(parse(rtype, text), Err(fault), "{rtype} {text}");
    }
}

#[test]
fn names_are_absolute_where_the_root_is_the_origin() {
    let mut out = Vec::new();
    let root = NameBuf::root();
    for text in ["a.b", "a.b."] {
        out.clear();
        rdata::parse(Type::CNAME, text.as_bytes(), Some(root.as_name()), &mut out).unwrap();
        assert_eq!(out, b"\x01a\x01b\x00");
    }
    assert_eq!(rdata::parse(Type::CNAME, b"a.b", None, &mut out).unwrap_err().rule, "no-origin");
}

#[test]
fn the_longest_data_has_65535_octets() {
    let hex = |octets: usize| format!("\\# {octets} {}", "00".repeat(octets));
    assert!(parse("TYPE65280", &hex(65_535)).is_ok());
    assert!(parse("TYPE65280", &hex(65_536)).is_err());
    let text = |strings: usize| format!("\"{}\" ", "x".repeat(254)).repeat(strings);
    assert!(parse("TXT", &text(257)).is_ok());
    assert_eq!(parse("TXT", &text(258)), Err((0, "rdata-too-long")));
}
