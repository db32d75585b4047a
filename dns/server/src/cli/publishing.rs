//! `halfmoon status`, `publish` and `rollback`: which commit a running server serves.

use std::process::ExitCode;
use std::time::Duration;

use serde::Deserialize;

use super::remote::{Remote, ServerArgs};
use super::{fail, say};
use crate::config::Right;
use crate::publish::{Act, Answer, GitView, Wish};

const EXAMPLES: &str = "\
Examples, each with `--config /etc/halfmoon.toml` or `--server URL --token-file FILE`:
  halfmoon status                      what is served, and of which commit
  halfmoon publish                     look for the newest commit now, and follow the branch again
  halfmoon publish --force 3f2c9d1     it is meant, whatever a guard says
  halfmoon rollback                    back to the commit before; newer ones are served again
  halfmoon rollback 3f2c9d1            back to this one

What has faults is never served: neither `--force` nor `rollback` changes that.";

/// Show what a running server serves, and of which commit
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct StatusArgs {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// Serve the newest commit of the branch
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct PublishArgs {
    /// Serve this one, which is the newest, although a guard holds it
    #[arg(long, value_name = "COMMIT")]
    force: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

/// Serve an older commit until a newer one comes
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RollbackArgs {
    /// The commit, by its first digits; none: the one that was served before
    #[arg(value_name = "COMMIT")]
    commit: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

/// What is shown of a server.
#[derive(Debug, Deserialize)]
struct Status {
    version: String,
    uptime_s: u64,
    ready: bool,
    zones: usize,
    git: Option<GitView>,
}

pub(super) fn status(args: &StatusArgs) -> ExitCode {
    match ask(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => fail(why),
    }
}

fn ask(args: &StatusArgs) -> Result<(), String> {
    let remote = Remote::find(&args.server, Right::Read)?;
    let value: serde_json::Value = remote.get("/api/v1/status", &[], Duration::ZERO)?;
    if args.json {
        say(value);
        return Ok(());
    }
    let status: Status = serde_json::from_value(value).map_err(|error| error.to_string())?;
    let ready = if status.ready { "ready" } else { "not ready" };
    say(format_args!(
        "version {}, up for {} s, {ready}, {} zones",
        status.version, status.uptime_s, status.zones
    ));
    if let Some(git) = status.git {
        show(&git);
    }
    Ok(())
}

fn show(git: &GitView) {
    say(format_args!("from {}, branch {}", git.url, git.branch));
    if let Some(served) = &git.served {
        say(format_args!("serving {} since {}", served.commit, served.since));
        say(format_args!("  {}, {}: {}", served.at, served.author, served.subject));
    }
    if git.rolled_back {
        say("  an operator went back to it; the next commit, or `halfmoon publish`, ends that");
    }
    if let Some(refused) = &git.refused {
        let how = if refused.held { "held" } else { "refused" };
        say(format_args!("{how} {} since {}", refused.commit, refused.at));
        for why in &refused.why {
            say(format_args!("  {why}"));
        }
        if refused.held {
            say(format_args!("  if it is meant: halfmoon publish --force {}", refused.commit));
        }
    }
    match (&git.fetched, &git.fetch_error) {
        (_, Some(error)) => say(format_args!("cannot fetch: {error}")),
        (Some(at), None) => say(format_args!("fetched {at}")),
        (None, None) => say("not fetched yet"),
    }
}

pub(super) fn publish(args: &PublishArgs) -> ExitCode {
    let act = if args.force.is_some() { Act::Force } else { Act::Follow };
    order(&args.server, act, args.force.clone())
}

pub(super) fn rollback(args: &RollbackArgs) -> ExitCode {
    order(&args.server, Act::Rollback, args.commit.clone())
}

fn order(server: &ServerArgs, act: Act, commit: Option<String>) -> ExitCode {
    let user = std::env::var("USER").ok();
    let done = Remote::find(server, Right::Write)
        .and_then(|remote| remote.post::<Answer>("/api/v1/publish", &Wish { act, commit, user }));
    match done {
        Ok(Answer { commit, is_new: true }) => say(format_args!("serving {commit}")),
        Ok(Answer { commit, is_new: false }) => say(format_args!("serving {commit}, as before")),
        Err(why) => return fail(why),
    }
    ExitCode::SUCCESS
}
