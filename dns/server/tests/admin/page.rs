//! The page, in a real Chromium.

use std::path::PathBuf;

use serde_json::json;

use crate::browser::Browser;
use crate::support::endpoint::{Endpoint, regions};
use crate::support::http::{get, request};
use crate::support::peer::{alone, is_alone};
use crate::support::{ask, wait_for, wait_for_answer};
use crate::{READER, Site, WRITER};

/// A server with three regions, and a browser that looks at its page.
fn open(colours: &str) -> (Site, Browser, [Endpoint; 3]) {
    let browser = Browser::open(colours);
    let ends = regions();
    let [a, b, c] = ends.each_ref().map(|end| end.address.ip().to_string());
    let port = ends[0].address.port();
    let health = format!(
        "interval = '100ms'\nfall = 2\nrise = 2\nstate = 'state'\n\
         labels.'region:fsn' = ['{a}/32']\nlabels.'region:hel' = ['{b}/32']\nlabels.'region:ash' = ['{c}/32']\n"
    );
    let zone = format!(
        "www  LUA A \"ifportup({port}, {{{{'{a}', '{b}'}}, {{'{c}'}}}}, {{selector='all'}})\"\n\
         mail LUA A \"ifportup({port}, {{'{a}', '{b}'}}, {{selector='first'}})\"\n\
         info TXT \"<b>not markup</b>\"\n"
    );
    let site = Site::with(&health, "", &zone);
    wait_for_answer(site.dns, "www.example.test.", &[&a, &b]);
    browser.go(&format!("http://{}/", site.admin));
    (site, browser, ends)
}

/// Where pictures go, if anybody wants to look at them.
fn picture(browser: &Browser, name: &str) {
    if let Some(folder) = std::env::var_os("HALFMOON_PICTURES") {
        browser.picture(&PathBuf::from(folder).join(name));
    }
}

#[track_caller]
fn is_clean(browser: &Browser) {
    let log = browser.log();
    assert!(log.is_empty(), "the browser complains:\n{log}");
}

/// For each test inside one that runs it where nothing can be reached but this machine.
macro_rules! apart {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            alone(concat!("page::inside::", stringify!($name)), &["chromedriver", "chromium"]);
        }
    )*};
}

apart! {
    what_fails_shows_by_itself
    a_name_is_asked_as_a_client_would_ask
    who_has_a_token_sets_and_ends_overrides
    thousands_of_endpoints_are_paged
    every_field_has_a_label_and_every_view_is_a_link
    what_others_wrote_is_never_markup
    a_server_that_is_gone_is_noticed
    who_may_only_read_is_shown_nothing_to_write_with
}

mod inside {
    use super::*;

    #[test]
    #[ignore = "runs in a network namespace of its own"]
    fn what_fails_shows_by_itself() {
        if !is_alone() {
            return;
        }
        let (site, browser, ends) = open("light");
        let [first, second, third] = ends;
        browser.see("0 down, 0 unknown, 3 up");
        browser.see("www.example.test. A");
        browser.see("region:fsn");
        picture(&browser, "pools.png");
        let failed = first.address;
        first.close();
        browser.see("1 down, 0 unknown, 2 up");
        browser.see("check says down");
        browser.see("Down now");
        picture(&browser, "pools-down.png");
        browser.resize(390, 800);
        let width = browser.run("return document.documentElement.scrollWidth");
        assert!(width.as_u64().unwrap() <= 390, "wider than a phone: {width}");
        picture(&browser, "pools-phone.png");
        browser.resize(1280, 900);

        browser.find("nav a[href='#endpoints']").click();
        browser.see(&format!("tcp {failed}"));
        browser.see("connection refused");
        picture(&browser, "endpoints.png");
        // The strip says in words what it shows.
        let words =
            browser.run("return document.querySelector('tbody svg').getAttribute('aria-label')");
        assert!(words.as_str().unwrap().contains("went down once, now down"), "{words}");
        browser.find("input[type=search]").write("no such address");
        browser.see("No check matches.");

        browser.find("nav a[href='#events']").click();
        browser.see("(was up): ");
        picture(&browser, "events.png");
        is_clean(&browser);
        drop((site, second, third));
    }

    #[test]
    #[ignore = "runs in a network namespace of its own"]
    fn a_name_is_asked_as_a_client_would_ask() {
        if !is_alone() {
            return;
        }
        let (site, browser, ends) = open("dark");
        let [a, b] = [0, 1].map(|at: usize| ends[at].address.ip().to_string());
        browser.find("nav a[href='#answer']").click();
        browser.find("form input[placeholder='www.example.org']").write("www.example.test");
        browser.find("form button.main").click();
        browser.see(&a);
        browser.see(&b);
        browser.see("NOERROR");
        picture(&browser, "answer-dark.png");
        // What a zone says is text.
        browser.run(
            "const [name, type] = document.querySelectorAll('form input, form select'); \
         name.value = 'info.example.test'; type.value = 'TXT'",
        );
        browser.find("form button.main").click();
        browser.see("<b>not markup</b>");
        assert_eq!(browser.run("return document.querySelectorAll('main b').length"), 0);
        is_clean(&browser);

        let answer = get(site.admin, "/api/v1/answer?name=elsewhere.test&client=192.0.2.1").json();
        assert_eq!((&answer["rcode"], &answer["client"]), (&"REFUSED".into(), &"192.0.2.1".into()));
        assert!(answer["note"].as_str().unwrap().starts_with("extended error 20"), "{answer}");
        for wrong in [
            "name=a..b",
            "name=example.test&type=AXFR",
            "name=a&type=ALPHA",
            "name=a&client=x",
            "type=A",
        ] {
            let refused = get(site.admin, &format!("/api/v1/answer?{wrong}"));
            assert_eq!(refused.status, 400, "{wrong}: {}", refused.body);
        }
        // Nobody is stuck, and nothing of it counts as a reply.
        let metrics = get(site.admin, "/metrics").body;
        assert!(metrics.contains("halfmoon_replies_total{rcode=\"REFUSED\"} 0\n"), "{metrics}");
        assert_eq!(get(site.admin, "/healthz").status, 200);
    }

    #[test]
    #[ignore = "runs in a network namespace of its own"]
    fn who_has_a_token_sets_and_ends_overrides() {
        if !is_alone() {
            return;
        }
        let (site, browser, ends) = open("light");
        let [a, b] = [0, 1].map(|at: usize| ends[at].address.ip().to_string());
        browser.find("nav a[href='#overrides']").click();
        browser.see("No override is in force.");
        browser.see("show a token that may write");
        browser.find("#token-open").click();
        browser.find("#token").write("not the token, but long enough");
        browser.find("dialog button[value=save]").click();
        browser.see("no such token");
        browser.find("#token-open").click();
        browser.run("document.getElementById('token').value = ''");
        browser.find("#token").write(WRITER);
        browser.find("dialog button[value=save]").click();
        browser.find("#override-form input[placeholder^='192.0.2.1']").write("region:fsn");
        browser.find("#override-form input[maxlength='500']").write("an update");
        browser.find("#override-form button.main").click();
        browser.see("The override is in force.");
        browser.see("drain region:fsn");
        browser.see("token ops");
        picture(&browser, "overrides.png");
        assert_eq!(ask(site.dns, "www.example.test."), [&*b]);

        // A slip is told, and changes nothing.
        browser.find("#override-form input[placeholder^='192.0.2.1']").write("region:nowhere");
        browser.find("#override-form input[maxlength='500']").write("a slip");
        browser.find("#override-form button.main").click();
        browser.see("is no address, label, check or record of any pool");
        browser.find("nav a[href='#pools']").click();
        browser.see("drain by token ops: an update (override 1)");
        picture(&browser, "pools-drained.png");
        browser.find("nav a[href='#overrides']").click();
        browser.find("button[aria-label='End override 1']").click();
        browser.find("main dialog input").write("done");
        browser.find("main dialog button[value=end]").click();
        browser.see("No override is in force.");
        wait_for_answer(site.dns, "www.example.test.", &[&a, &b]);
        // The refusals of the wrong token and of the slip are the browser's to mention; scripts are clean.
        let log = browser.log();
        assert!(!log.contains("Uncaught") && !log.contains("Content Security"), "{log}");
    }

    #[test]
    #[ignore = "runs in a network namespace of its own"]
    fn thousands_of_endpoints_are_paged() {
        if !is_alone() {
            return;
        }
        let browser = Browser::open("light");
        // Nobody is there: each answers at once that nobody is.
        let mut zone = String::new();
        for at in 0..5000 {
            let address = format!("127.1.{}.{}", at / 250, at % 250 + 1);
            zone += &format!("n{at} LUA A \"ifportup(1, {{'{address}'}})\"\n");
        }
        let site = Site::with("interval = '60s'\nfall = 1\n", "", &zone);
        browser.go(&format!("http://{}/#endpoints", site.admin));
        let left = "halfmoon_series_left_out{of=\"checks\"} 3000\n";
        wait_for("what is left out", || {
            get(site.admin, "/metrics").body.contains(left).then_some(())
        });
        browser.see("5000 down, 0 unknown, 0 up");
        browser.see("1 to 50 of 5000");
        assert_eq!(browser.run("return document.querySelectorAll('tbody tr').length"), 50);
        browser.find(".pager button:last-of-type").click();
        browser.see("51 to 100 of 5000");
        browser.find("input[type=search]").write("127.1.19.250:");
        browser.see("1 to 1 of 1");
        picture(&browser, "filtered.png");
        browser.find("nav a[href='#pools']").click();
        browser.see("1 to 50 of 5000");
        is_clean(&browser);
    }

    #[test]
    #[ignore = "runs in a network namespace of its own"]
    fn every_field_has_a_label_and_every_view_is_a_link() {
        if !is_alone() {
            return;
        }
        let (_site, browser, _ends) = open("light");
        for view in ["pools", "endpoints", "answer", "overrides", "events"] {
            browser.find(&format!("nav a[href='#{view}']")).click();
            browser.find(&format!("nav a[href='#{view}'][aria-current=page]"));
            let unnamed = browser.run(
            "return [...document.querySelectorAll('main input, main select')] \
             .filter((field) => field.labels.length === 0).length \
             + [...document.querySelectorAll('button, a')] \
             .filter((one) => !one.innerText.trim() && !one.ariaLabel && one.checkVisibility()).length",
        );
            assert_eq!(unnamed, 0, "{view}");
            let headless = browser.run(
                "return [...document.querySelectorAll('main table')] \
             .filter((table) => !table.caption || !table.querySelector('th[scope=col]')).length",
            );
            assert_eq!(headless, 0, "{view}");
        }
        assert_eq!(browser.run("return document.documentElement.lang"), "en");
    }

    #[test]
    #[ignore = "runs in a network namespace of its own"]
    fn what_others_wrote_is_never_markup() {
        if !is_alone() {
            return;
        }
        let browser = Browser::open("dark");
        let script = "<script>document.title = 'owned'</script><img src=x onerror=alert(1)>";
        let zone = "\\<b\\>www LUA A \"ifportup(1, {'127.1.1.1', '127.1.1.2'})\"\n";
        let site = Site::with(
            "interval = '100ms'\nfall = 1\nlabels.'<i>:x' = ['127.1.1.1/32']\n",
            "",
            zone,
        );
        let body = json!({"order": "up", "target": "127.1.1.1", "for": "1h", "reason": script});
        let bearer = format!("Bearer {WRITER}");
        let headers = [("Content-Type", "application/json"), ("Authorization", &*bearer)];
        let set = request(site.admin, "POST", "/api/v1/overrides", &headers, &body.to_string());
        assert_eq!(set.status, 201, "{}", set.body);
        browser.go(&format!("http://{}/", site.admin));
        for (view, part) in
            [("pools", "<i>:x"), ("overrides", script), ("events", script), ("pools", script)]
        {
            browser.find(&format!("nav a[href='#{view}']")).click();
            browser.see(part);
            let made = browser.run(
                "return document.querySelectorAll('main script, main img, main i, main b').length",
            );
            assert_eq!(made, 0, "{view}");
        }
        assert_eq!(browser.run("return document.title"), "2 down – Halfmoon");
        is_clean(&browser);
    }

    #[test]
    #[ignore = "runs in a network namespace of its own"]
    fn a_server_that_is_gone_is_noticed() {
        if !is_alone() {
            return;
        }
        let (site, browser, _ends) = open("light");
        browser.see("0 down, 0 unknown, 3 up");
        assert_eq!(browser.run("return document.body.className"), "");
        drop(site);
        browser.see("No answer since ");
        browser.see("What is shown is old.");
        assert_eq!(browser.run("return document.body.className"), "stale");
        picture(&browser, "stale.png");
    }

    #[test]
    #[ignore = "runs in a network namespace of its own"]
    fn who_may_only_read_is_shown_nothing_to_write_with() {
        if !is_alone() {
            return;
        }
        let (site, browser, _ends) = open("light");
        let body = json!({"order": "drain", "target": "region:fsn", "for": "1h", "reason": "x"});
        let bearer = format!("Bearer {WRITER}");
        let headers = [("Content-Type", "application/json"), ("Authorization", &*bearer)];
        let set = request(site.admin, "POST", "/api/v1/overrides", &headers, &body.to_string());
        assert_eq!(set.status, 201, "{}", set.body);
        browser.find("#token-open").click();
        browser.find("#token").write(READER);
        browser.find("dialog button[value=save]").click();
        browser.see("token eyes");
        browser.find("nav a[href='#overrides']").click();
        browser.see("drain region:fsn");
        browser.see("show a token that may write");
        assert_eq!(
            browser.run(
                "return document.querySelectorAll('main form:not(dialog form), td button').length"
            ),
            0
        );
        // Where it is kept: this tab alone, and nowhere in what is shown.
        assert_eq!(browser.run("return localStorage.length + document.cookie.length"), 0);
        assert!(
            !browser.run("return document.documentElement.outerHTML").to_string().contains(READER)
        );
        is_clean(&browser);
    }
}
