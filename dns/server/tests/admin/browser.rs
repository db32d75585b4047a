//! Drives a real browser over WebDriver (W3C), which is HTTP with JSON.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::support::http::try_request;
use crate::support::peer::is_alone;
use crate::support::{PATIENCE, wait_for};

/// The key under which an element's number comes.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A headless Chromium with one tab. Closed when dropped.
pub(crate) struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts one that prefers these colours: `light` or `dark`. Only in a network namespace: a
    /// browser asks others for many things.
    pub(crate) fn open(colours: &str) -> Self {
        assert!(is_alone(), "a browser may not speak to others");
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = BufReader::new(driver.stdout.take().unwrap());
        let mut lines = out.lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains("started successfully on port")).unwrap();
        let port = line.rsplit(' ').next().unwrap().trim_end_matches('.').parse().unwrap();
        // Whoever does not read on would stop a driver that has much to say.
        std::thread::spawn(move || lines.for_each(drop));
        let profile = tempfile::tempdir().unwrap();
        let folder = format!("--user-data-dir={}", profile.path().display());
        let args = [
            "--headless",
            // Not the page of new tabs, which has complaints of its own.
            "about:blank",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--window-size=1280,900",
            &folder,
        ];
        let wish = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": args},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut browser = Self { driver, address, session: String::new(), _profile: profile };
        let session = browser.command("POST", "/session", &wish).unwrap();
        browser.session = session["sessionId"].as_str().unwrap().to_owned();
        let media = json!({"cmd": "Emulation.setEmulatedMedia", "params": {
            "features": [{"name": "prefers-color-scheme", "value": colours}]
        }});
        browser.post("/goog/cdp/execute", &media);
        browser.go("about:blank");
        let _ = browser.log();
        browser
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let headers = [("Content-Type", "application/json")];
        // Whatever but a POST is refused with a body.
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let answer = try_request(self.address, method, path, &headers, &body)
            .map_err(|error| error.to_string())?;
        let value = answer.json()["value"].clone();
        if answer.status == 200 { Ok(value) } else { Err(value["message"].to_string()) }
    }

    #[track_caller]
    fn post(&self, path: &str, body: &Value) -> Value {
        self.try_post(path, body).unwrap_or_else(|why| panic!("{path} {body}: {why}"))
    }

    fn try_post(&self, path: &str, body: &Value) -> Result<Value, String> {
        self.command("POST", &format!("/session/{}{path}", self.session), body)
    }

    /// Goes to a page.
    #[track_caller]
    pub(crate) fn go(&self, url: &str) {
        self.post("/url", &json!({"url": url}));
    }

    /// Makes the window so wide and high.
    #[track_caller]
    pub(crate) fn resize(&self, width: u32, height: u32) {
        // What a window has at least is wider than a phone.
        let params =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        let command = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": params});
        self.post("/goog/cdp/execute", &command);
    }

    /// Runs a script; what it returns.
    #[track_caller]
    pub(crate) fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// The text that can be seen.
    #[track_caller]
    pub(crate) fn text(&self) -> String {
        self.run("return document.body.innerText").as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the text that can be seen has this in it.
    #[track_caller]
    pub(crate) fn see(&self, part: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            let text = self.text();
            if text.contains(part) {
                return;
            }
            assert!(Instant::now() < end, "{part:?} is not to be seen in:\n{text}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits for an element, by a selector of CSS.
    #[track_caller]
    pub(crate) fn find<'b>(&'b self, css: &'b str) -> Element<'b> {
        let element = Element { browser: self, css };
        wait_for(css, || element.number().ok());
        element
    }

    /// What the browser has to complain of.
    pub(crate) fn log(&self) -> String {
        let found = self.try_post("/se/log", &json!({"type": "browser"})).unwrap_or_default();
        let lines = found.as_array().into_iter().flatten();
        lines.map(|line| line["message"].to_string()).collect::<Vec<_>>().join("\n")
    }

    /// Puts a picture of the tab into a file.
    pub(crate) fn picture(&self, path: &Path) {
        let path_of = format!("/session/{}/screenshot", self.session);
        let octets = self.command("GET", &path_of, &Value::Null).unwrap();
        let octets = BASE64.decode(octets.as_str().unwrap().as_bytes()).unwrap();
        std::fs::write(path, octets).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let ended = self.command("DELETE", &format!("/session/{}", self.session), &Value::Null);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        // A browser that does not end would stay behind.
        assert!(ended.is_ok() || std::thread::panicking(), "the browser did not end: {ended:?}");
    }
}

/// Something on the page. It is looked up for each act: the page may be drawn anew meanwhile.
pub(crate) struct Element<'b> {
    browser: &'b Browser,
    css: &'b str,
}

impl Element<'_> {
    fn number(&self) -> Result<String, String> {
        let wanted = json!({"using": "css selector", "value": self.css});
        let found = self.browser.try_post("/element", &wanted)?;
        found[ELEMENT].as_str().map(str::to_owned).ok_or_else(|| found.to_string())
    }

    fn post(&self, act: &str, body: &Value) -> Result<Value, String> {
        self.browser.try_post(&format!("/element/{}/{act}", self.number()?), body)
    }

    /// Clicks, as soon as that is possible.
    #[track_caller]
    pub(crate) fn click(&self) {
        wait_for("a click", || self.post("click", &json!({})).ok());
    }

    /// Types.
    #[track_caller]
    pub(crate) fn write(&self, text: &str) {
        wait_for("keys", || self.post("value", &json!({"text": text})).ok());
    }
}
