//! A server with three regions, of which operators say something.

use serde_json::{Value, json};

use crate::support::endpoint::{Endpoint, regions};
use crate::support::http::{Response, request};
use crate::support::{Ended, run, wait_for_answer};
use crate::{Site, WRITER};

/// Three regions `a`, `b` and `c`, and records that choose among them.
pub(crate) struct Regions {
    pub(crate) site: Site,
    pub(crate) ends: [Endpoint; 3],
    pub(crate) ips: [String; 3],
}

impl Regions {
    pub(crate) fn new(more: &str) -> Self {
        Self::with(more, |_, _| String::new())
    }

    /// With these records besides, of the addresses and their port.
    pub(crate) fn with(more: &str, records: impl FnOnce(&[String; 3], u16) -> String) -> Self {
        let ends = regions();
        let ips = ends.each_ref().map(|end| end.address.ip().to_string());
        let port = ends[0].address.port();
        let [a, b, c] = &ips;
        let list =
            |options: &str| format!("\"ifportup({port}, {{'{a}', '{b}', '{c}'}}, {{{options}}})\"");
        let more_records = records(&ips, port);
        let zone = format!(
            "all   LUA A {}\nfirst LUA A {}\none   LUA A \"ifportup({port}, {{'{a}'}})\"\n{more_records}",
            list("selector='all'"),
            list("selector='first'")
        );
        let labels = format!(
            "labels.'region:a' = ['{a}/32']\nlabels.'region:b' = ['{b}/32']\nlabels.'region:c' = ['{c}/32']\n"
        );
        let health =
            format!("interval = '100ms'\nfall = 2\nrise = 2\nstate = 'state'\n{labels}{more}");
        let site = Site::with(&health, "", &zone);
        let regions = Self { site, ends, ips };
        regions.wait("all", &[0, 1, 2]);
        regions
    }

    /// Waits until a name answers with these.
    #[track_caller]
    pub(crate) fn wait(&self, name: &str, expected: &[usize]) {
        let expected: Vec<&str> = expected.iter().map(|at| &*self.ips[*at]).collect();
        wait_for_answer(self.site.dns, &format!("{name}.example.test."), &expected);
    }

    /// Ends an endpoint.
    pub(crate) fn close(&mut self, at: usize) {
        let other = Endpoint::open("127.0.0.1");
        std::mem::replace(&mut self.ends[at], other).close();
    }

    /// Sets an override as `ops`.
    pub(crate) fn set(&self, order: &str, target: &str, more: Value) -> Response {
        let mut body = json!({"order": order, "target": target, "for": "1h", "reason": "a test"});
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
        }
        self.post("/api/v1/overrides", WRITER, &body)
    }

    /// Sets one that has to be taken; its number.
    #[track_caller]
    pub(crate) fn put(&self, order: &str, target: &str) -> u64 {
        let answer = self.set(order, target, json!({}));
        assert_eq!(answer.status, 201, "{order} {target}: {}", answer.body);
        answer.json()["override"]["id"].as_u64().unwrap()
    }

    pub(crate) fn end(&self, id: u64) -> Response {
        self.post(&format!("/api/v1/overrides/{id}/end"), WRITER, &json!({"reason": "done"}))
    }

    pub(crate) fn post(&self, path: &str, token: &str, body: &Value) -> Response {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", &*bearer), ("Content-Type", "application/json")];
        request(self.site.admin, "POST", path, &headers, &body.to_string())
    }

    pub(crate) fn command(&self, args: &[&str]) -> Ended {
        let server = format!("http://{}", self.site.admin);
        let token = self.site.folder.path("ops");
        let server = ["--server", &server, "--token-file", token.to_str().unwrap()];
        run(&[&["override"], args, &server].concat())
    }
}
