//! What overrides reach besides pools: lists that programs compute, choices without health, and not
//! static records.

use std::collections::BTreeSet;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use serde_json::json;

use crate::regions::Regions;
use crate::support::http::get;
use crate::support::{addresses, ask, question, question_for, udp, wait_for, wait_for_answer};

/// Records of the addresses of three regions and their port.
fn records(ips: &[String; 3], port: u16) -> String {
    let [a, b, c] = ips;
    let list = format!("{{'{a}', '{b}', '{c}'}}");
    let weighted = format!("{{{{10, '{a}'}}, {{20, '{b}'}}, {{30, '{c}'}}}}");
    // One whose list stands in the text, one that puts its addresses together.
    let computed = [
        format!("local ips = {list} return ifportup({port}, ips, {{selector='all'}})"),
        format!(
            "local ips = {{}} for n, ip in ipairs({{'{a}', '{b}', '{c}'}}) do \
             ips[n] = ip:gsub('127', '128'):gsub('128', '127') end \
             return ifportup({port}, ips, {{selector='all', all_down='all'}})"
        ),
    ];
    let lines = [
        format!("made LUA A \";{}\"", computed[0]),
        format!("spun LUA A \";{}\"", computed[1]),
        format!("whole LUA A \"all({list})\""),
        format!("any LUA A \"pickrandom({list})\""),
        format!("hashed LUA A \"pickhashed({list})\""),
        format!("weighed LUA A \"pickwhashed({weighted})\""),
        format!("near LUA A \"pickclosest({list})\""),
        format!("lua LUA A \";local ips = {list} return pickrandomsample(3, ips)\""),
        format!("mixed A {a}\nplain A {a}\nplain A {b}\nother A 192.0.2.77"),
    ];
    lines.map(|line| line + "\n").concat()
}

fn site(more: &str) -> Regions {
    let regions = Regions::with(more, records);
    for name in ["made", "spun", "whole", "lua"] {
        regions.wait(name, &[0, 1, 2]);
    }
    regions
}

/// All that a name answers to many clients.
fn answers(regions: &Regions, name: &str) -> BTreeSet<String> {
    let name = format!("{name}.example.test.");
    let ask = |n: u8| {
        let question = question_for(&name, RecordType::A, &format!("198.51.{n}.0/24"));
        addresses(&udp(regions.site.dns, &question).unwrap())
    };
    (0..60).flat_map(ask).map(|address| address.to_string()).collect()
}

/// Waits until a name that answers with one at a time answers with each of these and with nobody else.
#[track_caller]
fn wait(regions: &Regions, name: &str, expected: &[usize]) {
    let expected: BTreeSet<String> = expected.iter().map(|at| regions.ips[*at].clone()).collect();
    // In force when the command returned: no waiting but for what other threads take up.
    wait_for(name, || (answers(regions, name) == expected).then_some(()));
}

const ONE: [&str; 4] = ["any", "hashed", "weighed", "near"];
const ALL: [&str; 4] = ["made", "spun", "whole", "lua"];

#[track_caller]
fn all_answer(regions: &Regions, expected: &[usize]) {
    for name in ALL {
        regions.wait(name, expected);
    }
    for name in ONE {
        wait(regions, name, expected);
    }
}

#[test]
fn a_region_leaves_every_answer_that_is_computed() {
    let regions = site("");
    let b = regions.ips[1].clone();
    for (order, target, expected) in [
        ("down", "region:a", &[1, 2][..]),
        ("drain", "region:a", &[1, 2]),
        ("pin", "region:c", &[2]),
        ("down", &b, &[0, 2]),
        ("drain", &format!("{b}/32"), &[0, 2]),
        ("up", "region:a", &[0, 1, 2]),
    ] {
        let set = regions.set(order, target, json!({"may_empty": true}));
        assert_eq!(set.status, 201, "{}", set.body);
        all_answer(&regions, expected);
        regions.end(set.json()["override"]["id"].as_u64().unwrap());
        all_answer(&regions, &[0, 1, 2]);
    }
    // By its check, which choices without health do not have.
    let port = regions.ends[1].address.port();
    let id = regions.put("down", &format!("tcp {b}:{port}"));
    regions.wait("made", &[0, 2]);
    regions.wait("spun", &[0, 2]);
    regions.wait("whole", &[0, 1, 2]);
    regions.end(id);
    all_answer(&regions, &[0, 1, 2]);
}

#[test]
fn a_record_and_a_zone_are_scopes_and_targets_of_them_too() {
    let regions = site("");
    for name in ["made", "whole", "lua"] {
        let scope = json!({"in": format!("{name}.example.test/A")});
        let set = regions.set("down", "region:b", scope);
        assert_eq!((set.status, &set.json()["members"]), (201, &1.into()), "{}", set.body);
        regions.wait(name, &[0, 2]);
        for other in ALL.iter().filter(|other| **other != name) {
            regions.wait(other, &[0, 1, 2]);
        }
        regions.end(set.json()["override"]["id"].as_u64().unwrap());
        regions.wait(name, &[0, 1, 2]);
    }
    let refused = regions.set("down", "whole.example.test/A", json!({}));
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert!(refused.body.contains("whole.example.test. A would have nothing left"));
    let record = regions.set("down", "whole.example.test/A", json!({"may_empty": true}));
    assert_eq!((record.status, &record.json()["members"]), (201, &3.into()), "{}", record.body);
    regions.wait("whole", &[]);
    regions.wait("made", &[0, 1, 2]);
    let zone = regions.set("down", "example.test", json!({"may_empty": true}));
    assert_eq!(zone.status, 201, "{}", zone.body);
    all_answer(&regions, &[]);
    let any = udp(regions.site.dns, &question("any.example.test.", RecordType::A)).unwrap();
    assert_eq!(any.metadata.response_code, ResponseCode::NoError, "{any}");
}

#[test]
fn who_is_put_out_is_not_answered_when_nothing_else_is_left_and_who_is_drained_is() {
    let regions = site("");
    let drained: Vec<u64> = regions.ips.iter().map(|ip| regions.put("drain", ip)).collect();
    all_answer(&regions, &[0, 1, 2]);
    // Better than nothing is who is drained, and not who is down.
    let down = regions.set("down", "region:a", json!({"may_empty": true}));
    assert_eq!(down.status, 201, "{}", down.body);
    all_answer(&regions, &[1, 2]);
    for id in drained {
        regions.end(id);
    }
    all_answer(&regions, &[1, 2]);
}

#[test]
fn it_is_in_force_before_the_first_answer_after_a_restart() {
    let regions = site("");
    regions.put("drain", "region:a");
    // Its check is known once the program has asked for it.
    let port = regions.ends[1].address.port();
    regions.put("down", &format!("tcp {}:{port}", regions.ips[1]));
    regions.wait("spun", &[2]);
    regions.wait("whole", &[1, 2]);
    let Regions { site, ends: _ends, ips } = regions;
    site.running.signal("KILL");
    site.running.wait();
    let (_running, dns) = site.folder.serve();
    let name = |name: &str| format!("{name}.example.test.");
    for (record, expected) in [("whole", &ips[1..]), ("lua", &ips[1..])] {
        let first: BTreeSet<String> = ask(dns, &name(record)).into_iter().collect();
        assert_eq!(first, expected.iter().cloned().collect(), "{record}");
    }
    for record in ["made", "spun"] {
        // Nothing is known of the checks of lists that are put together: they may be empty at first, and
        // who is drained stands in while nobody else is known to be up. Who is down never does.
        let first = ask(dns, &name(record));
        assert!(!first.contains(&ips[1]), "{record}: {first:?}");
        wait_for_answer(dns, &name(record), &[&ips[2]]);
    }
}

#[test]
fn static_records_stay_and_the_command_says_so() {
    let regions = site("");
    let set = regions.command(&["down", "region:a", "--for", "1h", "--reason", "x", "--may-empty"]);
    assert_eq!(set.status.code(), Some(0), "{set:?}");
    let told = "also in 2 static records, which are not changed: mixed.example.test. A, plain.example.test. A\n";
    assert!(set.out.contains(told), "{}", set.out);
    regions.wait("mixed", &[0]);
    regions.wait("plain", &[0, 1]);
    let one = regions.set("down", &regions.ips[1], json!({}));
    assert_eq!(
        one.json()["static"],
        json!({"count": 1, "records": ["plain.example.test. A"]}),
        "{}",
        one.body
    );
    let none = regions.set("drain", &regions.ips[2], json!({}));
    assert_eq!(none.json()["static"]["count"], 0, "{}", none.body);
    for (target, part) in [
        (
            "192.0.2.77",
            "192.0.2.77 is in static records alone, which no override changes (other.example.test. A)",
        ),
        ("192.0.2.0/24", "which no override changes (other.example.test. A)"),
        ("plain.example.test/A", "which no override changes (plain.example.test. A)"),
        ("192.0.2.78", "is no address, label, check or record of any pool or choice"),
    ] {
        let refused = regions.set("down", target, json!({}));
        assert_eq!(refused.status, 400, "{target}: {}", refused.body);
        assert!(refused.body.contains(part), "{target}: {}", refused.body);
    }
}

#[test]
fn a_choice_that_comes_with_a_new_version_of_a_zone_obeys_from_its_first_answer() {
    let regions = site("");
    regions.put("drain", "region:a");
    let [a, b, _] = &regions.ips;
    regions.site.folder.zone("example.test", &format!("new LUA A \"all({{'{a}', '{b}'}})\"\n"));
    let first = wait_for("the new version", || {
        let answers = ask(regions.site.dns, "new.example.test.");
        (!answers.is_empty()).then_some(answers)
    });
    assert_eq!(first, [&**b]);
}

#[test]
fn a_safety_rule_counts_those_that_nobody_checks_where_nothing_better_is_known() {
    let more = "labels.'rack:x' = ['192.0.2.1/32']\nlabels.'rack:y' = ['192.0.2.2/32']\n\
                [[health.safety]]\nkeep = 1\nof = 'rack:*'\n";
    let regions = Regions::with(more, |_, _| {
        "racks LUA A \"pickrandom({'192.0.2.1', '192.0.2.2'})\"\n".to_owned()
    });
    regions.put("drain", "rack:x");
    let refused = regions.set("drain", "rack:y", json!({}));
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert!(refused.body.contains("`health.safety` keeps 1 of rack:*"), "{}", refused.body);
    let page = get(regions.site.admin, "/api/v1/overrides").json();
    assert_eq!(page["overrides"].as_array().unwrap().len(), 1, "{page}");
}
