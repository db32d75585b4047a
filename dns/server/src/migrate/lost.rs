//! Settings that nothing here obeys: what becomes of what they are for.

use super::settings::Setting;

/// When a setting has to be told about.
#[derive(Clone, Copy)]
enum Told {
    /// Whenever it is set.
    Set,
    /// When it switches something on that is not there.
    On,
    /// When it switches something off that cannot be.
    Off,
    /// When this switch is on, to which it belongs.
    With(&'static str),
    /// Never: what it asks for is so here, or it is of no consequence.
    Never,
}

const API: &str = "PowerDNS' API and its web pages are not there; `admin.listen` serves metrics and an API of its own";
const DNSSEC: &str = "its keys are not taken over: keep signed zones where they are, or remove their DS records and \
     sign here with new keys, by `dnssec.zones`";
const CACHE: &str = "answers are not cached; there is nothing to set";
const TRANSFER: &str = "zones are transferred to those in `transfer.allow` and `transfer.keys`, and come from files only";
const UPDATE: &str = "zones change by their files only; there is no DNS UPDATE";
const LOG: &str = "see `--log` and `--log-format` of `halfmoon serve`";
const PROCESS: &str =
    "it is for whoever starts the server, as with User= and Type= of a systemd unit";
const QUEUE: &str = "a thread answers what it receives; there is no queue and no such thread";
const SCRIPT: &str = "there are no hooks for scripts; only LUA records run";
const OUTWARD: &str = "no query is sent to other servers from here";
const MONITOR: &str = "metrics are not sent anywhere";
const PARSER: &str = "limits of the zone parser are fixed";
const TIMEOUT: &str = "there is no such limit; `server.tcp_idle` closes idle connections";

/// Names, a `*` at the end for any that begins so; the first row that fits counts.
const TABLE: &[(&[&str], Told, &str)] = &[
    // What is so in any case, or decides nothing.
    (
        &[
            "8bit-dns",
            "config-dir",
            "consistent-backends",
            "disable-axfr-rectify",
            "disable-syslog",
            "dname-processing",
            "ignore-unknown-settings",
            "load-modules",
            "local-address-nonexist-fail",
            "log-timestamp",
            "lua-consistent-hashes-cleanup-interval",
            "lua-consistent-hashes-expire-delay",
            "module-dir",
            "no-config",
            "no-shuffle",
            "reuseport",
            "upgrade-unknown-types",
            "zone-cache-refresh-interval",
            "zone-metadata-cache-ttl",
            "domain-metadata-cache-ttl",
        ],
        Told::Never,
        "",
    ),
    (&["api"], Told::On, API),
    (&["api-*"], Told::With("api"), API),
    (&["webserver"], Told::On, API),
    (&["webserver-*"], Told::With("webserver"), API),
    (&["disable-axfr"], Told::Off, TRANSFER),
    (
        &[
            "primary",
            "master",
            "secondary",
            "slave",
            "autosecondary",
            "superslave",
            "send-signed-notify",
            "secondary-*",
            "slave-*",
            "outgoing-axfr-expand-alias",
            "allow-unsigned-*",
        ],
        Told::On,
        TRANSFER,
    ),
    (
        &[
            "allow-axfr-ips",
            "allow-notify-from",
            "also-notify",
            "axfr-*",
            "only-notify",
            "forward-notify",
            "prevent-self-notification",
            "retrieval-threads",
            "trusted-notification-proxy",
            "xfr-*",
            "bind-supermaster*",
            "bind-autoprimar*",
            "bind-supermasters",
        ],
        Told::Set,
        TRANSFER,
    ),
    (&["dnsupdate", "experimental-dnsupdate", "enable-lua-record-updates"], Told::On, UPDATE),
    (
        &["allow-dnsupdate-from", "forward-dnsupdate", "dnsupdate-*"],
        Told::With("dnsupdate"),
        UPDATE,
    ),
    (
        &[
            "bind-dnssec-db",
            "bind-dnssec-db-journal-mode",
            "default-ksk-*",
            "default-zsk-*",
            "default-publish-*",
            "default-soa-edit*",
            "direct-dnskey",
            "dnssec-key-cache-ttl",
            "geoip-dnssec-keydir",
            "max-nsec3-iterations",
            "max-signature-cache-entries",
            "signing-threads",
            "default-api-rectify",
        ],
        Told::Set,
        DNSSEC,
    ),
    (&["bind-hybrid"], Told::On, "zones come from files only"),
    (&["bind-check-interval"], Told::Set, "changes of files are noticed at once"),
    (
        &["bind-ignore-broken-records"],
        Told::On,
        "a zone with a broken record keeps its old version; `halfmoon check` lists them all",
    ),
    (
        &[
            "cache-ttl",
            "query-cache-ttl",
            "negquery-cache-ttl",
            "max-cache-entries",
            "max-packet-cache-entries",
        ],
        Told::Set,
        CACHE,
    ),
    (
        &[
            "chroot",
            "setgid",
            "setuid",
            "socket-dir",
            "write-pid",
            "control-console",
            "tcp-control-*",
        ],
        Told::Set,
        PROCESS,
    ),
    (&["daemon", "guardian", "traceback-handler"], Told::On, PROCESS),
    (
        &["distributor-threads", "max-queue-length", "overload-queue-length", "queue-limit"],
        Told::Set,
        QUEUE,
    ),
    (&["log-*", "loglevel*", "logging-facility", "structured-logging"], Told::Set, LOG),
    (&["query-logging"], Told::On, LOG),
    (
        &[
            "lua-axfr-script",
            "lua-prequery-script",
            "lua-dnsupdate-policy-script",
            "lua-global-include-dir",
        ],
        Told::Set,
        SCRIPT,
    ),
    (&["resolver", "query-local-address*", "outgoing-*"], Told::Set, OUTWARD),
    (&["expand-alias", "resolve-across-zones"], Told::On, OUTWARD),
    (&["security-poll-suffix"], Told::With("security-poll-suffix"), OUTWARD),
    (&["carbon-*"], Told::Set, MONITOR),
    (&["max-generate-steps", "max-include-depth", "max-ent-entries"], Told::Set, PARSER),
    (&["max-tcp-transactions-per-conn", "max-tcp-connection-duration"], Told::Set, TIMEOUT),
    (&["tcp-fast-open"], Told::Set, "connections begin with a whole handshake"),
    (&["udp-truncation-threshold"], Told::Set, "answers over UDP have up to 1232 octets"),
    (&["any-to-tcp"], Told::On, "ANY gets one RRset over UDP, and all over TCP"),
    (
        &["edns-cookie-secret"],
        Told::Set,
        "write the secret into a file of mode 0600 and name it in `cookies.secrets`",
    ),
    (&["svc-autohints"], Told::On, "SVCB and HTTPS records are served as they are written"),
    (&["non-local-bind"], Told::On, "an address that is not there cannot be listened on"),
    (&["default-ttl"], Told::Set, "write `$TTL` into the zone files"),
    (&["default-soa-*", "soa-*"], Told::Set, "write the SOA into the zone files"),
    (
        &["geoip-zones-file"],
        Told::Set,
        "zones of the geoip backend are not read; write their services as LUA records",
    ),
    (&["proxy-protocol-maximum-size"], Told::Set, "the limit on PROXY headers is fixed"),
    (&["entropy-source", "rng"], Told::Set, "chance comes from the system"),
];

/// Why a setting is not carried over; `None` if nothing is lost. `is_on` tells of other switches.
pub(super) fn setting(setting: &Setting, is_on: &dyn Fn(&str) -> bool) -> Option<&'static str> {
    let row = TABLE.iter().find(|(names, ..)| names.iter().any(|name| fits(name, &setting.name)));
    let Some((_, told, why)) = row else {
        return Some("nothing here is like it; see whether you need it");
    };
    let is_told = match told {
        Told::Set => true,
        Told::On => setting.is_on(),
        Told::Off => !setting.is_on(),
        // What belongs to itself asks for something unless it says none.
        Told::With(name) if *name == setting.name => {
            !matches!(setting.value.as_str(), "" | "disabled" | "anonymous")
        }
        Told::With(name) => is_on(name),
        Told::Never => false,
    };
    is_told.then_some(*why)
}

/// Why a statement of a `named.conf` is not carried over; `None` if PowerDNS does not obey it
/// either.
pub(super) fn statement(name: &str) -> Option<&'static str> {
    match name {
        "also-notify" | "masters" | "primaries" => Some(TRANSFER),
        "view" => Some("zones in a view are not read, there as here; move them out of it"),
        _ => None,
    }
}

fn fits(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}
