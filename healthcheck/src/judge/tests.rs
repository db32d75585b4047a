use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)
}

fn pace(fall: u32, rise: u32, damping: Damping) -> Pace {
    Pace { fall, rise, damping, ..Pace::default() }
}

/// Plays results (`s` success, `f` failure, `.` none), one a second, and compares the states after
/// each (`?` unknown, `u` up, `r` up with a part of its share, `d` down, `h` held).
fn check(pace: &Pace, results: &str, states: &str) {
    let mut judge = Judge::default();
    let mut now = start();
    let seen: String = results
        .chars()
        .map(|result| {
            now += SECOND;
            match result {
                's' => judge.take(pace, Finding::Success(7), now, false),
                'f' => judge.take(pace, Finding::Failure, now, false),
                _ => judge.tick(pace, now),
            }
            letter(&judge.verdict(pace, now))
        })
        .collect();
    assert_eq!(seen, states, "{pace:?}, results {results}");
}

fn letter(verdict: &Verdict) -> char {
    match verdict {
        Verdict { state: State::Unknown, .. } => '?',
        Verdict { state: State::Up, share: Verdict::WHOLE, .. } => 'u',
        Verdict { state: State::Up, .. } => 'r',
        Verdict { state: State::Down, hold: Some(_), .. } => 'h',
        Verdict { state: State::Down, .. } => 'd',
    }
}

#[test]
fn results_in_a_row_change_the_state() {
    for (fall, rise, results, states) in [
        (3, 2, "s", "u"),
        (3, 2, "fs", "?u"),
        (3, 2, "ff", "??"),
        (3, 2, "fff", "??d"),
        (3, 2, "sffsfff", "uuuuuud"),
        (3, 2, "fffsfss", "??ddddu"),
        (3, 2, "fffssf", "??dduu"),
        (1, 1, "fsfs", "dudu"),
        (1, 3, "fsssf", "dddud"),
        (4, 1, "sfffsffff", "uuuuuuuud"),
    ] {
        check(&pace(fall, rise, Damping::NONE), results, states);
    }
}

#[test]
fn an_endpoint_that_is_back_waits_as_long_as_it_is_told() {
    let with = |hold_down: u64, resume| Damping {
        hold_down: Duration::from_secs(hold_down),
        resume,
        ..Damping::NONE
    };
    let after = |seconds| Resume::After(Duration::from_secs(seconds));
    for (damping, results, states) in [
        // It fell in the second second, and is back in the seventh at the earliest.
        (with(5, Resume::Auto), "sfsssss", "udhhhhu"),
        (with(5, Resume::Auto), "sf......s", "udddddddu"),
        (with(0, after(3)), "sfssss", "udhhhu"),
        // It starts over when it fails meanwhile.
        (with(0, after(3)), "sfssfssss", "udhhdhhhu"),
        (with(0, after(3)), "sfs...", "udhhhu"),
        (with(0, Resume::Manual), "sfs......", "udhhhhhhh"),
        // The first verdict is no return.
        (with(5, Resume::Manual), "s", "u"),
    ] {
        check(&pace(1, 1, damping), results, states);
    }
}

#[test]
fn one_that_fails_while_it_is_held_is_not_let_in_by_the_clock() {
    let damping = Damping { resume: Resume::After(3 * SECOND), ..Damping::NONE };
    check(&pace(2, 1, damping), "sffs.f..s", "uudhhhhhu");
    check(&pace(2, 1, damping), "sffs.f..f", "uudhhhhhd");
}

#[test]
fn an_operator_lets_in_what_is_held_and_nothing_else() {
    let pace = pace(1, 1, Damping { resume: Resume::Manual, ..Damping::NONE });
    let mut judge = Judge::default();
    assert!(!judge.resume(&pace, start()));
    judge.take(&pace, Finding::Failure, start(), false);
    assert!(!judge.resume(&pace, start()), "it does not answer");
    judge.take(&pace, Finding::Success(0), start(), false);
    assert_eq!(judge.verdict(&pace, start()).hold, Some(Hold::Manual));
    assert_eq!(judge.next(&pace, start() + 600 * SECOND), None, "time alone does nothing");
    assert!(judge.resume(&pace, start()));
    assert_eq!(judge.state(), State::Up);
}

/// Falls and comes back every so many seconds; when it is held for flapping, and until when.
fn flap(every: u64, times: u32) -> (Judge, Pace, SystemTime) {
    let pace = pace(1, 1, Damping::default());
    let mut judge = Judge::default();
    let mut now = start();
    judge.take(&pace, Finding::Success(0), now, false);
    for _ in 0..times {
        now += Duration::from_secs(every);
        judge.take(&pace, Finding::Failure, now, false);
        now += SECOND;
        judge.take(&pace, Finding::Success(0), now, false);
    }
    (judge, pace, now)
}

#[test]
fn the_fourth_fall_within_minutes_keeps_an_endpoint_out_for_some_minutes() {
    let (judge, ..) = flap(60, 3);
    assert_eq!(judge.state(), State::Up);
    let (mut judge, pace, now) = flap(60, 4);
    assert_eq!(judge.verdict(&pace, now).hold, Some(Hold::Flapping));
    let until = judge.next(&pace, now + pace.damping.fresh).expect("it ends some time");
    let wait = until.duration_since(now).expect("later").as_secs();
    assert!((400..600).contains(&wait), "{wait} s");
    judge.tick(&pace, until - SECOND);
    assert_eq!(judge.state(), State::Down);
    judge.tick(&pace, until);
    assert_eq!(judge.state(), State::Up);
}

#[test]
fn falls_that_are_far_apart_are_forgiven_and_many_do_not_add_up_for_ever() {
    let (judge, ..) = flap(1200, 50);
    assert_eq!(judge.state(), State::Up);
    let (judge, pace, now) = flap(5, 500);
    let until = judge.next(&pace, now + pace.damping.fresh).expect("it ends some time");
    let wait = until.duration_since(now).expect("later").as_secs();
    // log2(12000 / 1000) half-lives of five minutes.
    assert!((1000..1100).contains(&wait), "{wait} s");
}

/// Plays a pattern again and again, and then other results; says when it first went down, counted in
/// results, and the state at the end.
fn waver(pace: &Pace, pattern: &str, then: &str) -> (Option<usize>, char) {
    let mut judge = Judge::default();
    let results = pattern.chars().cycle().take(200).chain(then.chars());
    let mut fell = None;
    for (number, result) in results.enumerate() {
        let finding = if result == 's' { Finding::Success(0) } else { Finding::Failure };
        judge.take(pace, finding, start(), false);
        if judge.state() == State::Down {
            fell.get_or_insert(number + 1);
        }
    }
    (fell, letter(&judge.verdict(pace, start())))
}

#[test]
fn one_that_fails_half_of_the_time_goes_down_and_stays_out_until_it_mostly_answers() {
    let flapping = Damping::default();
    let good = "s".repeat(25);
    for (fall, damping, pattern, then, expected) in [
        // The fifteenth failure of thirty results.
        (3, flapping, "sf", "", (Some(30), 'd')),
        (3, flapping, "sf", "ss", (Some(30), 'h')),
        (3, flapping, "ssffsf", "ss", (Some(30), 'h')),
        (3, flapping, "sf", "sssssssss", (Some(30), 'h')),
        (3, flapping, "sf", &*good, (Some(30), 'u')),
        // A third is bad luck.
        (3, flapping, "ssf", "", (None, 'u')),
        // Many failures in a row are no sign of it, and what is back is wholly back.
        (3, flapping, "sfffffffffffffffffffffffffffffffffffffff", "ssfsf", (Some(4), 'u')),
        // Who is meant to be patient is, and who does not damp does not.
        (8, flapping, "sf", "", (Some(30), 'd')),
        (9, flapping, "sf", "", (None, 'u')),
        (3, Damping::NONE, "sf", "", (None, 'u')),
    ] {
        let found = waver(&pace(fall, 2, damping), pattern, then);
        assert_eq!(found, expected, "fall {fall}, {pattern}, then {then}");
    }
}

#[test]
fn one_that_wavers_does_so_in_the_next_process_too() {
    let pace = pace(3, 2, Damping::default());
    let mut judge = Judge::default();
    for number in 0..100 {
        let finding = if number % 2 == 0 { Finding::Success(0) } else { Finding::Failure };
        judge.take(&pace, finding, start(), false);
    }
    let mut again = Judge::recall(&judge.memory());
    for _ in 0..5 {
        again.take(&pace, Finding::Success(0), start(), false);
    }
    assert_eq!(again.verdict(&pace, start()).hold, Some(Hold::Flapping));
    assert!(again.resume(&pace, start()), "an operator lets it in");
    again.take(&pace, Finding::Failure, start(), false);
    assert_eq!(again.state(), State::Up);
}

#[test]
fn a_share_grows_in_steps_from_a_little_to_the_whole() {
    let pace = pace(1, 1, Damping { ramp: 64 * SECOND, ..Damping::NONE });
    let mut judge = Judge::default();
    judge.take(&pace, Finding::Success(0), start(), false);
    assert_eq!(judge.verdict(&pace, start()).share, Verdict::WHOLE, "it was never down");
    judge.take(&pace, Finding::Failure, start(), false);
    judge.take(&pace, Finding::Success(0), start(), false);
    let mut shares = Vec::new();
    let mut now = start();
    loop {
        let share = judge.verdict(&pace, now).share;
        shares.push(share);
        if share == Verdict::WHOLE {
            break;
        }
        now = judge.next(&pace, now).expect("a step");
        judge.tick(&pace, now);
    }
    assert_eq!(now, start() + 64 * SECOND);
    assert_eq!((shares[0], shares.len()), (8, 33));
    assert!(shares.is_sorted());
}

#[test]
fn what_was_remembered_goes_on() {
    let (judge, pace, now) = flap(60, 4);
    let mut again = Judge::recall(&judge.memory());
    assert_eq!(again.verdict(&pace, now), judge.verdict(&pace, now));
    let later = now + pace.damping.fresh;
    assert_eq!(again.next(&pace, later), judge.next(&pace, later));
    again.take(&pace, Finding::Failure, now, false);
    assert_eq!(again.verdict(&pace, now).hold, None);
}

#[test]
fn a_change_that_is_near_or_fresh_is_not_settled() {
    let pace = pace(2, 1, Damping { fresh: 10 * SECOND, ..Damping::NONE });
    let mut judge = Judge::default();
    let settled = |judge: &Judge, now| judge.verdict(&pace, now).is_settled;
    judge.take(&pace, Finding::Success(0), start(), false);
    assert!(settled(&judge, start()), "the first verdict is no change");
    judge.take(&pace, Finding::Failure, start(), false);
    assert!(!settled(&judge, start()), "one more and it is down");
    judge.take(&pace, Finding::Failure, start(), false);
    assert!(!settled(&judge, start() + 9 * SECOND));
    assert!(settled(&judge, start() + 10 * SECOND), "down for long");
    assert_eq!(judge.next(&pace, start()), Some(start() + 10 * SECOND));
}

#[test]
fn while_the_prober_doubts_itself_nothing_falls() {
    let pace = pace(2, 1, Damping::NONE);
    let mut judge = Judge::default();
    judge.take(&pace, Finding::Success(0), start(), false);
    for _ in 0..5 {
        judge.take(&pace, Finding::Failure, start(), true);
        assert_eq!(judge.state(), State::Up);
    }
    judge.take(&pace, Finding::Failure, start(), false);
    assert_eq!(judge.state(), State::Down);
}

#[test]
fn the_weight_is_that_of_the_last_success_while_up() {
    let pace = pace(2, 1, Damping::NONE);
    let mut judge = Judge::default();
    let steps = [
        (Finding::Success(10), 10),
        (Finding::Success(20), 20),
        (Finding::Failure, 20),
        (Finding::Failure, 0),
        (Finding::Success(5), 5),
        (Finding::Success(0), 0),
    ];
    for (finding, weight) in steps {
        judge.take(&pace, finding, start(), false);
        assert_eq!(judge.verdict(&pace, start()).weight, weight, "after {finding:?}");
    }
}
