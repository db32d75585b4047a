//! Response codes (RFC 1035 section 4.1.1, RFC 6891 section 6.1.3, RFC 7873 section 8).

use std::fmt;

/// A response code; those above 15 need EDNS to be said.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rcode(pub u16);

#[allow(missing_docs, reason = "the mnemonic is the documentation")]
impl Rcode {
    pub const NOERROR: Self = Self(0);
    pub const FORMERR: Self = Self(1);
    pub const SERVFAIL: Self = Self(2);
    pub const NXDOMAIN: Self = Self(3);
    pub const NOTIMP: Self = Self(4);
    pub const REFUSED: Self = Self(5);
    pub const YXDOMAIN: Self = Self(6);
    pub const NOTAUTH: Self = Self(9);
    pub const BADVERS: Self = Self(16);
    pub const BADCOOKIE: Self = Self(23);
}

/// Its mnemonic (RFC 6895 section 2.3), or `RCODE` and the number.
impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::NOERROR => "NOERROR",
            Self::FORMERR => "FORMERR",
            Self::SERVFAIL => "SERVFAIL",
            Self::NXDOMAIN => "NXDOMAIN",
            Self::NOTIMP => "NOTIMP",
            Self::REFUSED => "REFUSED",
            Self::YXDOMAIN => "YXDOMAIN",
            Self(7) => "YXRRSET",
            Self(8) => "NXRRSET",
            Self::NOTAUTH => "NOTAUTH",
            Self(10) => "NOTZONE",
            Self(11) => "DSOTYPENI",
            Self::BADVERS => "BADVERS",
            Self(17) => "BADKEY",
            Self(18) => "BADTIME",
            Self(19) => "BADMODE",
            Self(20) => "BADNAME",
            Self(21) => "BADALG",
            Self(22) => "BADTRUNC",
            Self::BADCOOKIE => "BADCOOKIE",
            Self(number) => return write!(f, "RCODE{number}"),
        })
    }
}

impl fmt::Debug for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
