//! The names a program can use.

use halfmoon_geo::Attribute;

use crate::{Dialect, functions};

/// What a program may know of the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variable {
    BestWho,
    Dh,
    DnssecOk,
    EcsWho,
    EdnsSize,
    LocalWho,
    QName,
    Tcp,
    Who,
    Zone,
    ZoneId,
}

pub(crate) const VARIABLES: [(&str, Variable); 11] = [
    ("bestwho", Variable::BestWho),
    ("dh", Variable::Dh),
    ("dnssecOK", Variable::DnssecOk),
    ("ecswho", Variable::EcsWho),
    ("ednsPKTSize", Variable::EdnsSize),
    ("localwho", Variable::LocalWho),
    ("qname", Variable::QName),
    ("tcp", Variable::Tcp),
    ("who", Variable::Who),
    ("zone", Variable::Zone),
    ("zoneid", Variable::ZoneId),
];

/// What makes objects of the peer's, and its helpers.
pub(crate) const FREE: [&str; 13] = [
    "include",
    "newCA",
    "newCAFromRaw",
    "newCAS",
    "newDN",
    "newDR",
    "newDRR",
    "newNMG",
    "newNetmask",
    "newQType",
    "pdnslog",
    "pdnsrandom",
    "resolve",
];

/// Tables, mostly of numbers.
pub(crate) const TABLES: [&str; 3] = ["GeoIPQueryAttribute", "pdns", "pdns_features"];

/// What `GeoIPQueryAttribute` has, by the peer's names.
pub(crate) const ATTRIBUTES: [(&str, Attribute); 8] = [
    ("ASn", Attribute::Asn),
    ("City", Attribute::City),
    ("Continent", Attribute::Continent),
    ("Country", Attribute::Country),
    ("Country2", Attribute::Country2),
    ("Name", Attribute::Name),
    ("Region", Attribute::Region),
    ("Location", Attribute::Location),
];

/// Functions of the language.
pub(crate) const BASE: [&str; 16] = [
    "assert",
    "error",
    "getmetatable",
    "ipairs",
    "next",
    "pairs",
    "pcall",
    "rawget",
    "rawlen",
    "select",
    "setmetatable",
    "tonumber",
    "tostring",
    "type",
    "unpack",
    "xpcall",
];

/// Libraries, and what is in them.
pub(crate) const LIBRARIES: [(&str, &[&str]); 6] = [
    (
        "bit",
        &[
            "arshift", "band", "bnot", "bor", "bswap", "bxor", "lshift", "rol", "ror", "rshift",
            "tobit", "tohex",
        ],
    ),
    (
        "bit32",
        &[
            "arshift", "band", "bnot", "bor", "btest", "bxor", "extract", "lrotate", "lshift",
            "replace", "rrotate", "rshift",
        ],
    ),
    (
        "math",
        &[
            "abs", "acos", "asin", "atan", "atan2", "ceil", "cos", "cosh", "deg", "exp", "floor",
            "fmod", "frexp", "huge", "ldexp", "log", "log10", "max", "min", "modf", "pi", "pow",
            "rad", "random", "sin", "sinh", "sqrt", "tan", "tanh",
        ],
    ),
    ("os", &["date", "time"]),
    (
        "string",
        &[
            "byte", "char", "find", "format", "gmatch", "gsub", "len", "lower", "match", "rep",
            "reverse", "sub", "upper",
        ],
    ),
    (
        "table",
        &["concat", "foreach", "foreachi", "getn", "insert", "maxn", "remove", "sort", "unpack"],
    ),
];

/// What Lua has elsewhere and programs here do without.
const REMOVED: [&str; 19] = [
    "_G",
    "collectgarbage",
    "coroutine",
    "debug",
    "dofile",
    "ffi",
    "getfenv",
    "io",
    "jit",
    "load",
    "loadfile",
    "loadstring",
    "module",
    "package",
    "print",
    "rawset",
    "report",
    "require",
    "setfenv",
];

/// Names that the compiler of Luau would turn into instructions of its own, whatever they stand for
/// here: nothing, or something that behaves otherwise.
pub(crate) const NOT_BUILT_IN: [&str; 9] =
    ["buffer", "integer", "newproxy", "rawequal", "rawset", "tostring", "typeof", "utf8", "vector"];

/// What is in the library of this name.
pub(crate) fn members(library: &str) -> Option<&'static [&'static str]> {
    LIBRARIES.iter().find(|(name, _)| *name == library).map(|(_, members)| *members)
}

/// Every name there is.
pub(crate) fn all(dialect: Dialect) -> impl Iterator<Item = &'static str> {
    VARIABLES
        .iter()
        .map(|(name, _)| *name)
        .chain(FREE)
        .chain(TABLES)
        .chain(BASE)
        .chain(LIBRARIES.iter().map(|(name, _)| *name))
        .chain(functions::of(dialect).map(|function| function.name))
}

/// Whether a program can use the name.
pub(crate) fn is_known(name: &str, dialect: Dialect) -> bool {
    all(dialect).any(|known| known == name)
}

/// Whether Lua has the name elsewhere.
pub(crate) fn is_removed(name: &str) -> bool {
    REMOVED.contains(&name)
}
