//! `halfmoon override`: what operators say of endpoints, against whatever health says.

use std::fs;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use super::remote::{Remote, ServerArgs};
use super::{fail, say};
use crate::admin::view::{
    EndWish, LetGo, LetGoWish, OverrideList, OverrideSet, OverrideWish, ResumeWish, Resumed,
};
use crate::config::{self, Right};
use crate::counted::counted;
use crate::date::span;
use crate::overrides::{Order, Override, Scope, Target};

const EXAMPLES: &str = "\
Examples, each with `--config /etc/halfmoon.toml` or `--server URL --token-file FILE`:
  halfmoon override drain 192.0.2.1 --for 2h --reason \"kernel update\"
  halfmoon override down region:fsn --for 30m --reason \"fire in the building\"
  halfmoon override pin region:hel --in www.example.org/A --for 1h --reason \"move to Helsinki\"
  halfmoon override up \"tcp 192.0.2.1:80\" --for 10m --reason \"the probe is wrong\"
  halfmoon override resume \"tcp 192.0.2.1:80\"
  halfmoon override let-go www.example.org/A --for 10m
  halfmoon override list
  halfmoon override end 12 --reason \"done\"

A target is an address, a network, a label (region:fsn), a check as `halfmoon health` shows it, a
record (www.example.org/A; /A/2 is the second of that name and type) or a zone (example.org). Of
several overrides for one address the strongest holds: down, then pin, then drain, then up.";

/// Say of endpoints what they count as, whatever their checks say
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    /// Not answered, not even when nothing else is left
    Down(SetArgs),
    /// Answered as if it were up
    Up(SetArgs),
    /// Not answered while anything else is up
    Drain(SetArgs),
    /// Records that have it answer with it and nothing else
    Pin(SetArgs),
    /// Show the overrides in force
    List(ListArgs),
    /// End one before its time
    End(EndArgs),
    /// Let an endpoint come back that answers again and is held
    Resume(ResumeArgs),
    /// Let endpoints of a record leave as fast as they fail, whatever its velocity limit
    LetGo(LetGoArgs),
}

#[derive(Debug, clap::Args)]
struct SetArgs {
    /// An address, network, label, check, record or zone
    #[arg(value_name = "TARGET")]
    target: String,
    /// For how long: a number and s, m or h
    #[arg(long = "for", value_name = "DURATION", value_parser = config::duration)]
    time: Duration,
    /// Why, in a line
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// In this zone (example.org) or record (www.example.org/A, or /A/2 for the second) alone
    #[arg(long = "in", value_name = "ZONE|RECORD")]
    within: Option<String>,
    /// Even if a record is left without anything to answer
    #[arg(long)]
    may_empty: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// As JSON, an object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct EndArgs {
    /// Its number
    #[arg(value_name = "ID")]
    id: u64,
    /// Why, in a line
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct ResumeArgs {
    /// Its check, as `halfmoon health` shows it
    #[arg(value_name = "CHECK")]
    check: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct LetGoArgs {
    /// A zone (example.org) or a record (www.example.org/A)
    #[arg(value_name = "ZONE|RECORD")]
    records: String,
    /// For how long: a number and s, m or h
    #[arg(long = "for", value_name = "DURATION", value_parser = config::duration)]
    time: Duration,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) fn run(args: &Args) -> ExitCode {
    let done = match &args.act {
        Act::Down(args) => set(Order::Down, args),
        Act::Up(args) => set(Order::Up, args),
        Act::Drain(args) => set(Order::Drain, args),
        Act::Pin(args) => set(Order::Pin, args),
        Act::List(args) => list(args),
        Act::End(args) => end(args),
        Act::Resume(args) => resume(args),
        Act::LetGo(args) => let_go(args),
    };
    done.map_or_else(fail, |()| ExitCode::SUCCESS)
}

fn set(order: Order, args: &SetArgs) -> Result<(), String> {
    // What is quickly seen to be wrong is told before anybody is asked.
    Target::parse(&args.target)?;
    args.within.as_deref().map(Scope::parse).transpose()?;
    let remote = Remote::find(&args.server, Right::Write)?;
    let wish = OverrideWish {
        order,
        target: args.target.clone(),
        within: args.within.clone(),
        time: format!("{}us", args.time.as_micros()),
        reason: args.reason.clone(),
        user: Some(user()),
        may_empty: args.may_empty,
    };
    let done: OverrideSet = remote.post("/api/v1/overrides", &wish)?;
    say(line(&done.set));
    say(format_args!("for {} of pools and choices", counted(done.members, "member")));
    if let Some(fixed) = done.fixed.told() {
        say(format_args!("also in {fixed}"));
    }
    if !done.kept {
        let _ = writeln!(
            io::stderr(),
            "halfmoon: it ends with the server: set `health.state` to keep overrides over a restart"
        );
    }
    Ok(())
}

fn list(args: &ListArgs) -> Result<(), String> {
    let remote = Remote::find(&args.server, Right::Read)?;
    let list: OverrideList = remote.get("/api/v1/overrides", &[], Duration::ZERO)?;
    for an in &list.overrides {
        if args.json {
            say(serde_json::to_string(an).unwrap_or_default());
        } else {
            say(line(an));
        }
    }
    if list.overrides.is_empty() && !args.json {
        say("no override is in force");
    }
    Ok(())
}

fn end(args: &EndArgs) -> Result<(), String> {
    let remote = Remote::find(&args.server, Right::Write)?;
    let wish = EndWish { reason: args.reason.clone(), user: Some(user()) };
    let ended: Override = remote.post(&format!("/api/v1/overrides/{}/end", args.id), &wish)?;
    say(format_args!("ended: {}", line(&ended)));
    Ok(())
}

fn resume(args: &ResumeArgs) -> Result<(), String> {
    let remote = Remote::find(&args.server, Right::Write)?;
    let wish = ResumeWish { check: args.check.clone(), user: Some(user()) };
    let done: Resumed = remote.post("/api/v1/resume", &wish)?;
    say(if done.resumed { "it comes back" } else { "nothing held it" });
    Ok(())
}

fn let_go(args: &LetGoArgs) -> Result<(), String> {
    let remote = Remote::find(&args.server, Right::Write)?;
    let time = format!("{}us", args.time.as_micros());
    let wish = LetGoWish { records: args.records.clone(), time, user: Some(user()) };
    let done: LetGo = remote.post("/api/v1/let-go", &wish)?;
    let pools = counted(done.pools, "pool");
    say(format_args!("members of {pools} may leave as fast as they fail"));
    Ok(())
}

/// An override in a line, as in `12: down region:fsn, 29m left, by ann (token ops): fire`.
pub(super) fn line(an: &Override) -> String {
    let left = an.until.duration_since(SystemTime::now()).unwrap_or_default();
    let left = span(left);
    format!("{}: {an}, {left} left, by {}: {}", an.id, an.who, an.reason)
}

/// The user of this process by the machine's list of users, or the number.
fn user() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    let Some(uid) = uid.and_then(|numbers| numbers.split_whitespace().next()) else {
        return "unknown user".to_owned();
    };
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, number) = (fields.next()?, fields.next()?, fields.next()?);
        (number == uid).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("uid {uid}"))
}
