//! Overrides: what they do to answers, who may set them, what refuses them, and how long they last.

use std::fs;
use std::time::{Duration, Instant};

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use serde_json::{Value, json};

use crate::regions::Regions;
use crate::support::endpoint::{Endpoint, regions};
use crate::support::http::{get, request};
use crate::support::{ask, question, run, udp, wait_for, wait_for_answer};
use crate::{READER, Site, WRITER, admin_address};

#[test]
fn what_is_down_does_not_answer() {
    let regions = Regions::new("");
    let set = regions.set("down", &regions.ips[0], json!({"in": "all.example.test/A"}));
    assert_eq!((set.status, &set.json()["members"]), (201, &1.into()), "{}", set.body);
    regions.wait("all", &[1, 2]);
    regions.wait("first", &[0]);
    assert_eq!(regions.end(set.json()["override"]["id"].as_u64().unwrap()).status, 200);
    regions.wait("all", &[0, 1, 2]);

    // By the name of the check.
    let (b, port) = (&regions.ips[1], regions.ends[1].address.port());
    let down = regions.put("down", &format!("tcp {b}:{port}"));
    regions.wait("all", &[0, 2]);
    regions.end(down);
    regions.wait("all", &[0, 1, 2]);
}

#[test]
fn an_endpoint_that_failed_answers_when_an_operator_says_so() {
    let mut regions = Regions::new("");
    regions.close(0);
    regions.wait("all", &[1, 2]);
    let id = regions.put("up", &regions.ips[0]);
    regions.wait("all", &[0, 1, 2]);
    regions.wait("first", &[0]);
    regions.end(id);
    regions.wait("all", &[1, 2]);
}

#[test]
fn what_is_drained_answers_when_nothing_else_can() {
    let regions = Regions::new("");
    regions.put("drain", "region:a");
    regions.wait("all", &[1, 2]);
    regions.wait("first", &[1]);
    // There is nothing else for this name.
    regions.wait("one", &[0]);
    regions.put("drain", &regions.ips[1]);
    regions.put("down", &regions.ips[2]);
    regions.wait("all", &[0, 1]);
    let pools = get(regions.site.admin, "/api/v1/pools?name=all").json();
    let members = &pools["pools"][0]["members"];
    assert_eq!(
        (&members[0]["in"], &members[0]["chosen"]),
        (&false.into(), &true.into()),
        "{pools}"
    );
    assert!(members[0]["why"].as_str().unwrap().contains("drain by token ops: a test"), "{pools}");
    assert_eq!(members[2]["chosen"], false, "{pools}");
}

#[test]
fn what_is_pinned_answers_alone_where_it_is_a_member() {
    let regions = Regions::new("");
    let id = regions.put("pin", "region:b");
    regions.wait("all", &[1]);
    regions.wait("first", &[1]);
    regions.wait("one", &[0]);
    regions.end(id);
    regions.wait("all", &[0, 1, 2]);
    let only = regions.set("pin", "region:c", json!({"in": "first.example.test/A"}));
    assert_eq!((only.status, &only.json()["members"]), (201, &1.into()), "{}", only.body);
    regions.wait("first", &[2]);
    regions.wait("all", &[0, 1, 2]);
    // Two pins hold together.
    regions.put("pin", "region:a");
    regions.wait("all", &[0]);
    regions.wait("first", &[0]);
}

#[test]
fn zones_records_and_networks_are_targets_too() {
    let regions = Regions::new("");
    let record = regions.set("down", "all.example.test/A", json!({"may_empty": true}));
    assert_eq!(record.json()["members"], 3, "{}", record.body);
    regions.wait("all", &[]);
    regions.wait("first", &[0]);
    regions.end(record.json()["override"]["id"].as_u64().unwrap());
    let zone = regions.set("down", "example.test", json!({"may_empty": true}));
    assert_eq!(zone.json()["members"], 7, "{}", zone.body);
    regions.wait("all", &[]);
    regions.wait("one", &[]);
    regions.end(zone.json()["override"]["id"].as_u64().unwrap());
    let network = regions.set("drain", &format!("{}/32", regions.ips[1]), json!({}));
    assert_eq!(network.json()["members"], 2, "{}", network.body);
    regions.wait("all", &[0, 2]);
}

#[test]
fn each_record_of_a_name_is_a_target_of_its_own() {
    let regions = Regions::new("");
    let [a, b, c] = &regions.ips;
    let port = regions.ends[0].address.port();
    // Two records of one name, of which the second has two pools.
    let zone = format!(
        "two LUA A \"ifportup({port}, {{'{a}', '{b}'}}, {{selector='all'}})\"\n\
         two LUA A \";if country('DE') then return ifportup({port}, {{'{b}'}}) end \"\n\
         \"return ifportup({port}, {{'{c}', '{b}'}}, {{selector='first'}})\"\n"
    );
    let zone = zone.replace("end \"\n\"", "end \" \"");
    regions.site.folder.zone("example.test", &zone);
    regions.wait("two", &[0, 1, 2]);
    let pools = get(regions.site.admin, "/api/v1/pools?name=two").json();
    let of = |pool: &Value| {
        let members = pool["members"].as_array().unwrap().len();
        (pool["program"].as_u64(), pool["number"].as_u64(), members)
    };
    let listed: Vec<_> = pools["pools"].as_array().unwrap().iter().map(of).collect();
    let numbers = |program, number, members| (Some(program), Some(number), members);
    assert_eq!(listed, [numbers(1, 1, 2), numbers(2, 1, 1), numbers(2, 2, 2)]);

    // Without a number all of them are meant, with one the pools of one record, with two one pool.
    for (records, members, expected) in [
        ("two.example.test/A", 3, vec![0, 2]),
        ("two.example.test/A/1", 1, vec![0, 2]),
        ("two.example.test/A/2", 2, vec![0, 1, 2]),
        ("two.example.test/A/2/2", 1, vec![0, 1, 2]),
    ] {
        let set = regions.set("drain", b, json!({"in": records}));
        assert_eq!((set.status, &set.json()["members"]), (201, &members.into()), "{}", set.body);
        regions.wait("two", &expected);
        let id = set.json()["override"]["id"].as_u64().unwrap();
        assert_eq!(set.json()["override"]["in"], records.replace("test/", "test./"));
        regions.end(id);
        regions.wait("two", &[0, 1, 2]);
    }
    // What is pinned in the second record moves that one alone.
    let pin = regions.set("pin", b, json!({"in": "two.example.test/A/2"}));
    assert_eq!(pin.status, 201, "{}", pin.body);
    regions.wait("two", &[0, 1]);
    let let_go = |records: &str| {
        let answer =
            regions.post("/api/v1/let-go", WRITER, &json!({"records": records, "for": "1m"}));
        (answer.status, answer.json()["pools"].as_u64())
    };
    assert_eq!(let_go("two.example.test/A"), (200, Some(3)));
    assert_eq!(let_go("two.example.test/A/2"), (200, Some(2)));
    assert_eq!(let_go("two.example.test/A/2/1"), (200, Some(1)));
    assert_eq!(let_go("two.example.test/A/3").0, 404);
    assert_eq!(let_go("two.example.test/A/0").0, 400);
}

#[test]
fn an_override_is_in_force_within_a_second() {
    let regions = Regions::new("");
    let mut times = Vec::new();
    for _ in 0..20 {
        let started = Instant::now();
        let id = regions.put("drain", "region:a");
        while ask(regions.site.dns, "first.example.test.") != [&*regions.ips[1]] {
            assert!(started.elapsed() < Duration::from_secs(10));
        }
        times.push(started.elapsed());
        regions.end(id);
        regions.wait("first", &[0]);
    }
    // A busy machine may take a second for itself now and then.
    times.sort_unstable();
    assert!(times[15] < Duration::from_secs(1), "{times:?} from the request to the answer");
}

#[test]
fn an_override_ends_by_itself() {
    let regions = Regions::new("");
    let set = regions.set("drain", "region:a", json!({"for": "2s"}));
    assert_eq!(set.status, 201, "{}", set.body);
    regions.wait("all", &[1, 2]);
    regions.wait("all", &[0, 1, 2]);
    assert_eq!(get(regions.site.admin, "/api/v1/overrides").json()["overrides"], json!([]));
    let events = get(regions.site.admin, "/api/v1/changes").json();
    let events = events["changes"].as_array().unwrap();
    let of = |kind: &str| events.iter().find(|event| event["event"] == kind).unwrap();
    let told = of("override-set");
    assert_eq!(told["override"], "drain region:a");
    assert_eq!((&told["who"], &told["reason"]), (&"token ops".into(), &"a test".into()));
    assert_eq!(of("override-expired")["id"], told["id"]);
}

#[test]
fn an_override_survives_a_restart_and_its_end_does_too() {
    let regions = Regions::new("");
    let id = regions.put("drain", "region:a");
    let pinned = regions.set("pin", "region:c", json!({"in": "first.example.test/A"}));
    assert_eq!((pinned.status, &pinned.json()["kept"]), (201, &true.into()));
    let before = get(regions.site.admin, "/api/v1/overrides").json();
    let Regions { site, ends: _ends, ips } = regions;
    // It is killed, not ended: what was confirmed is on the disk.
    site.running.signal("KILL");
    site.running.wait();
    let (running, dns) = site.folder.serve();
    // The very first answer.
    assert_eq!(ask(dns, "first.example.test."), [&*ips[2]]);
    let all = ask(dns, "all.example.test.");
    assert!(!all.contains(&ips[0]), "{all:?}");
    let admin = admin_address(&running);
    assert_eq!(get(admin, "/api/v1/overrides").json(), before);
    let bearer = format!("Bearer {WRITER}");
    let headers = [("Authorization", &*bearer), ("Content-Type", "application/json")];
    let ended = request(admin, "POST", &format!("/api/v1/overrides/{id}/end"), &headers, "{}");
    assert_eq!(ended.status, 200, "{}", ended.body);
    running.signal("KILL");
    running.wait();
    let (running, dns) = site.folder.serve();
    wait_for_answer(dns, "all.example.test.", &[&ips[0], &ips[1], &ips[2]]);
    let log = fs::read_to_string(site.folder.path("state/changes.jsonl")).unwrap();
    for part in ["\"override-set\"", "\"override-ended\"", "\"drain region:a\"", "\"token ops\""] {
        assert!(log.contains(part), "{part}: {log}");
    }
    // What cannot be read is no reason to forget what operators said.
    running.signal("TERM");
    running.wait();
    site.folder.write("state/overrides.json", "{");
    let refused = run(&["serve", site.folder.path("halfmoon.toml").to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(refused.err.contains("overrides.json: EOF"), "{}", refused.err);
}

#[test]
fn setting_and_ending_takes_a_token_that_may_write() {
    let regions = Regions::new("");
    let body = json!({"order": "drain", "target": "region:a", "for": "1h", "reason": "x"});
    let path = "/api/v1/overrides";
    assert_eq!(regions.post(path, READER, &body).status, 403);
    assert_eq!(regions.post(path, "0123456789abcdef", &body).status, 401);
    // From this machine one may read without a token, and no more.
    let json_body = [("Content-Type", "application/json")];
    let body = body.to_string();
    assert_eq!(request(regions.site.admin, "POST", path, &json_body, &body).status, 403);
    let bearer = format!("Bearer {WRITER}");
    let with = |extra: (&str, &str)| {
        let headers = [("Authorization", &*bearer), extra];
        request(regions.site.admin, "POST", path, &headers, &body).status
    };
    // What a form of another page could send.
    assert_eq!(with(("Content-Type", "text/plain")), 400);
    let foreign = [
        ("Authorization", &*bearer),
        ("Content-Type", "application/json"),
        ("Origin", "http://evil.example"),
    ];
    assert_eq!(request(regions.site.admin, "POST", path, &foreign, &body).status, 403);
    assert_eq!(with(("Content-Type", "application/json")), 201);
    let list = get(regions.site.admin, path).json();
    let id = list["overrides"][0]["id"].as_u64().unwrap();
    let end = format!("/api/v1/overrides/{id}/end");
    assert_eq!(regions.post(&end, READER, &json!({})).status, 403);
    assert_eq!(regions.post("/api/v1/overrides/999/end", WRITER, &json!({})).status, 404);
    let long = json!({"order": "down", "target": "a", "for": "1h", "reason": "x".repeat(20_000)});
    assert_eq!(regions.post(path, WRITER, &long).status, 400);
}

#[test]
fn what_is_no_override_is_refused_with_the_remedy() {
    let regions = Regions::new("overrides.max = '2h'\n");
    let a = regions.ips[0].clone();
    for (order, target, more, status, part) in [
        ("down", &*a, json!({"reason": " "}), 400, "an override has a reason; say why"),
        ("down", &a, json!({"reason": "a\nb"}), 400, "a reason is one line"),
        (
            "down",
            &a,
            json!({"for": "3h"}),
            400,
            "longer than `health.overrides.max`, which is 120m",
        ),
        ("down", &a, json!({"for": "0s"}), 400, "an override has to last"),
        ("down", &a, json!({"for": "long"}), 400, "is not a duration"),
        ("left", &a, json!({}), 400, "unknown variant"),
        ("down", &a, json!({"color": 1}), 400, "unknown field"),
        ("down", "region:z", json!({}), 400, "down region:z is no address, label, check or record"),
        (
            "down",
            "192.0.2.1",
            json!({}),
            400,
            "is no address, label, check or record of any pool or choice",
        ),
        ("down", "127.0.0.1:80", json!({}), 400, "\\\"tcp 127.0.0.1:80\\\""),
        (
            "pin",
            "example.test",
            json!({}),
            400,
            "what is pinned is an address, network, label or check",
        ),
        (
            "down",
            "all.example.test/A",
            json!({}),
            409,
            "all.example.test. A would have nothing left",
        ),
        (
            "down",
            &a,
            json!({}),
            409,
            "one.example.test. A would have nothing left to answer; drain",
        ),
    ] {
        let answer = regions.set(order, target, more.clone());
        assert_eq!(answer.status, status, "{order} {target} {more}: {}", answer.body);
        assert!(answer.body.contains(part), "{order} {target} {more}: {}", answer.body);
    }
    assert_eq!(get(regions.site.admin, "/api/v1/overrides").json()["overrides"], json!([]));
    let events = get(regions.site.admin, "/api/v1/changes").json().to_string();
    assert!(events.contains("override-refused"), "{events}");
}

#[test]
fn a_safety_rule_keeps_what_it_says() {
    let mut regions = Regions::new("[[health.safety]]\nkeep = 2\nof = 'region:*'\n");
    let may = json!({"may_empty": true});
    assert_eq!(regions.set("down", "region:a", may).status, 201);
    let refused = regions.set("drain", "region:b", json!({}));
    assert_eq!(refused.status, 409, "{}", refused.body);
    let error = refused.json()["error"].to_string();
    assert!(
        error.contains("`health.safety` keeps 2 of region:*; left would be: region:c"),
        "{error}"
    );
    // A pin takes the others out.
    let pinned = regions.set("pin", "region:c", json!({}));
    assert_eq!(pinned.status, 409, "{}", pinned.body);
    assert_eq!(regions.set("up", "region:a", json!({})).status, 201);
    regions.wait("all", &[1, 2]);

    // What health has taken out does not stand either.
    regions.close(1);
    regions.wait("all", &[2]);
    let last = regions.command(&["drain", "region:c", "--for", "1h", "--reason", "x"]);
    assert_eq!(last.status.code(), Some(2), "{last:?}");
    assert!(last.err.contains("left would be: none"), "{}", last.err);
}

#[test]
fn the_command_sets_lists_and_ends() {
    let regions = Regions::new("");
    let drain = ["drain", "region:a", "--for", "30m", "--reason", "kernel update"];
    let set = regions.command(&drain);
    assert_eq!(set.status.code(), Some(0), "{set:?}");
    assert!(set.out.contains("drain region:a, 29m left, by "), "{}", set.out);
    assert!(
        set.out.contains("(token ops): kernel update\nfor 3 members of pools and choices\n"),
        "{}",
        set.out
    );
    regions.wait("all", &[1, 2]);

    let list = regions.command(&["list"]);
    assert!(list.out.starts_with("1: drain region:a, "), "{}", list.out);
    let json = regions.command(&["list", "--json"]);
    let an: Value = serde_json::from_str(json.out.trim()).unwrap();
    assert_eq!(
        (&an["id"], &an["order"], &an["target"]),
        (&1.into(), &"drain".into(), &"region:a".into())
    );
    let health = run(&["health", "--server", &format!("http://{}", regions.site.admin)]);
    assert!(health.out.contains("\noverride 1: drain region:a, "), "{}", health.out);

    let ended = regions.command(&["end", "1", "--reason", "done"]);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    regions.wait("all", &[0, 1, 2]);
    assert_eq!(regions.command(&["list"]).out, "no override is in force\n");
    let history =
        run(&["health", "--history", "--server", &format!("http://{}", regions.site.admin)]);
    assert!(history.out.contains("override 1 ended: drain region:a, by "), "{}", history.out);

    for (args, part) in [
        (&["end", "1"][..], "there is no override 1; `halfmoon override list` shows"),
        (&["down", "region:a", "--for", "1h"], "--reason"),
        (&["down", "region:a", "--reason", "x"], "--for"),
        (&["down", "a..b", "--for", "1h", "--reason", "x"], "\"a..b\" is no name"),
    ] {
        let refused = regions.command(args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}: {refused:?}");
        assert!(refused.err.contains(part), "{args:?}: {}", refused.err);
    }
}

#[test]
fn a_zone_that_is_read_again_keeps_its_overrides() {
    let regions = Regions::new("");
    regions.put("drain", "region:a");
    regions.wait("all", &[1, 2]);
    let [a, b, _] = &regions.ips;
    let port = regions.ends[0].address.port();
    regions.site.folder.zone(
        "example.test",
        &format!("other LUA A \"ifportup({port}, {{'{a}', '{b}'}}, {{selector='all'}})\"\n"),
    );
    regions.wait("other", &[1]);
    let page = get(regions.site.admin, "/metrics").body;
    assert!(page.contains("halfmoon_overrides{order=\"drain\"} 1\n"), "{page}");
    assert!(page.contains("halfmoon_pool_members{in=\"no\"} "), "{page}");
}

#[test]
fn what_waits_for_an_operator_comes_back_at_his_word() {
    let mut regions = Regions::new("resume = 'manual'\n");
    let address = regions.ends[0].address;
    let check = format!("tcp {address}");
    let before = regions.command(&["resume", &check]);
    assert_eq!((before.status.code(), &*before.out), (Some(0), "nothing held it\n"));
    regions.close(0);
    regions.wait("all", &[1, 2]);
    regions.ends[0] = wait_for("the same port", || Endpoint::open_at(address).ok());
    let held = wait_for("what holds it", || {
        let checks = get(regions.site.admin, "/api/v1/checks?state=down").json();
        let check = checks["checks"][0].clone();
        (check["last"]["result"] == "success" && check["held"].is_string()).then_some(check)
    });
    assert_eq!(held["name"], *check);
    regions.wait("all", &[1, 2]);
    let done = regions.command(&["resume", &check]);
    assert_eq!((done.status.code(), &*done.out), (Some(0), "it comes back\n"), "{done:?}");
    regions.wait("all", &[0, 1, 2]);
    let unknown = regions.command(&["resume", "tcp 192.0.2.1:80"]);
    assert!(unknown.err.contains("there is no check"), "{unknown:?}");
}

#[test]
fn endpoints_leave_faster_than_they_may_when_an_operator_lets_them() {
    let mut regions = Regions::new("velocity = { part = 0.34, window = '1h' }\n");
    regions.close(0);
    regions.wait("all", &[1, 2]);
    regions.close(1);
    wait_for("the failure", || {
        let pools = get(regions.site.admin, "/api/v1/pools?name=all").json();
        let why = pools["pools"][0]["members"][1]["why"].to_string();
        why.contains("too many have left").then_some(())
    });
    assert_eq!(ask(regions.site.dns, "all.example.test.").len(), 2);
    let done = regions.command(&["let-go", "all.example.test/A", "--for", "10m"]);
    assert_eq!(done.out, "members of 1 pool may leave as fast as they fail\n", "{done:?}");
    regions.wait("all", &[2]);
    let none = regions.command(&["let-go", "none.example.test/A", "--for", "10m"]);
    assert!(none.err.contains("no pool is of none.example.test./A"), "{none:?}");
}

#[test]
fn the_label_of_a_zone_is_for_its_own_records_and_makes_up_for_nothing() {
    let regions = Regions::new("safety = [{ keep = 1, of = 'region:*' }]\n");
    let [a, b, _] = &regions.ips;
    let port = regions.ends[0].address.port();
    let own = Endpoint::open_at(([127, 0, 255, 77], port).into()).expect("a port that is free");
    let own = own.address.ip().to_string();
    let folder = &regions.site.folder;
    let record =
        format!("all LUA A \"ifportup({port}, {{'{a}', '{b}', '{own}'}}, {{selector='all'}})\"\n");
    folder.write(
        "zones/tenant.test.health.toml",
        format!("labels.'region:x' = ['{a}/32']\nlabels.'region:y' = ['{own}/32']\n"),
    );
    folder.zone("tenant.test", &record);
    let tenant = |expected: &[&String]| {
        let expected: Vec<&str> = expected.iter().map(|ip| ip.as_str()).collect();
        wait_for_answer(regions.site.dns, "all.tenant.test.", &expected);
    };
    tenant(&[a, b, &own]);
    // Its own label takes out its own member alone, by the command as by HTTP.
    let ended = regions.command(&["down", "region:x", "--for", "1h", "--reason", "works"]);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    tenant(&[b, &own]);
    regions.wait("all", &[0, 1, 2]);
    // One of the server is for all zones.
    regions.put("down", "region:b");
    regions.wait("all", &[0, 2]);
    tenant(&[&own]);
    // The zone's own region:y would be left, and is none of those of which one is to be kept.
    let a_down = regions.set("down", "region:a", json!({"may_empty": true}));
    assert_eq!(a_down.status, 201, "{}", a_down.body);
    let last = regions.set("down", "region:c", json!({"may_empty": true}));
    assert_eq!(last.status, 409, "{}", last.body);
    assert!(last.body.contains("region:*"), "{}", last.body);
    // Another word of the zone is heard without a restart.
    folder.write("zones/tenant.test.health.toml", format!("labels.'region:x' = ['{b}/32']\n"));
    wait_for("the new labels", || {
        let pools = get(regions.site.admin, "/api/v1/pools?zone=tenant.test").json();
        let members = pools["pools"][0]["members"].as_array()?.clone();
        let labels: Vec<&Value> = members.iter().map(|member| &member["labels"]).collect();
        let expected = [json!(["region:a"]), json!(["region:b", "region:x"]), json!([])];
        (labels == expected.each_ref()).then_some(())
    });
}

#[test]
fn where_all_are_put_out_nothing_is_answered_and_servfail_is_a_failure() {
    let mut zone = String::new();
    let ends = regions();
    let [a, b, c] = ends.each_ref().map(|end| end.address.ip().to_string());
    let port = ends[0].address.port();
    let policies = ["all", "backup", "first", "last", "none", "servfail"];
    for all_down in policies {
        zone.push_str(&format!(
            "{all_down} LUA A \"ifportup({port}, {{{{'{a}', '{b}'}}, {{'{c}'}}}}, \
             {{selector='all', backupSelector='all', all_down='{all_down}'}})\"\n"
        ));
    }
    let health = "interval = '100ms'\nfall = 2\nrise = 2\nstate = 'state'\n";
    let regions = Regions { site: Site::with(health, "", &zone), ips: [a, b, c], ends };
    for all_down in policies {
        regions.wait(all_down, &[0, 1]);
    }
    let down = |target: &str, more: Value| {
        let set = regions.set("down", target, more);
        assert_eq!(set.status, 201, "{}", set.body);
        set.json()["override"]["id"].as_u64().unwrap()
    };
    // A group that was put out leaves it to the next, whatever its checks say.
    let first = [down(&regions.ips[0], json!({})), down(&regions.ips[1], json!({}))];
    for all_down in policies {
        regions.wait(all_down, &[2]);
    }
    // The last one has to be meant.
    assert_eq!(regions.set("down", &regions.ips[2], json!({})).status, 409);
    let last = down(&regions.ips[2], json!({"may_empty": true}));
    let code = |name: &str| {
        let name = format!("{name}.example.test.");
        let answer = udp(regions.site.dns, &question(&name, RecordType::A)).unwrap();
        assert_eq!(answer.answers.len(), 0, "{answer}");
        answer.metadata.response_code
    };
    for all_down in &policies[..5] {
        regions.wait(all_down, &[]);
        assert_eq!(code(all_down), ResponseCode::NoError, "{all_down}");
    }
    assert_eq!(code("servfail"), ResponseCode::ServFail);
    // What is drained in place of that is answered when nothing else is left.
    regions.end(last);
    for id in first {
        regions.end(id);
    }
    for ip in &regions.ips {
        regions.put("drain", ip);
    }
    for all_down in policies {
        regions.wait(all_down, &[0, 1]);
    }
}

#[test]
fn what_is_noted_is_one_line_of_bounded_length() {
    let regions = Regions::new("");
    let bearer = format!("Bearer {WRITER}");
    let headers = [("Content-Type", "application/json"), ("Authorization", &*bearer)];
    let post = |path: &str, body: &Value| {
        request(regions.site.admin, "POST", path, &headers, &body.to_string())
    };
    let newest = || get(regions.site.admin, "/api/v1/changes?limit=0").json()["newest"].clone();
    let before = newest();
    let port = regions.ends[0].address.port();
    let check = format!("tcp {}:{port}", regions.ips[0]);
    let (long, broken) = ("x".repeat(101), "somebody\nelse");
    for user in [&*long, broken] {
        for (path, body) in [
            ("/api/v1/resume", json!({"check": check, "user": user})),
            ("/api/v1/let-go", json!({"records": "all.example.test/A", "for": "1m", "user": user})),
            ("/api/v1/overrides/1/end", json!({"user": user})),
            (
                "/api/v1/overrides",
                json!({"order": "up", "target": "192.0.2.1", "for": "1h", "reason": "x", "user": user}),
            ),
        ] {
            let refused = post(path, &body);
            assert_eq!(refused.status, 400, "{path}: {}", refused.body);
            let why = refused.json()["error"].as_str().unwrap().to_owned();
            assert!(why.contains("one line of at most 100 letters"), "{path}: {why}");
        }
    }
    let target = format!("tcp {}", "x".repeat(5000));
    let refused = post(
        "/api/v1/overrides",
        &json!({"order": "up", "target": target, "for": "1h", "reason": "x"}),
    );
    assert_eq!(refused.status, 400, "{}", refused.body);
    let refused = post("/api/v1/overrides/first/end", &json!({}));
    assert_eq!(refused.status, 400, "{}", refused.body);
    assert!(refused.json()["error"].is_string());
    assert_eq!(newest(), before, "what nobody could read was noted");
}
