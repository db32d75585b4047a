//! `halfmoon status`, `publish` and `rollback`: which commit a running server serves.

use std::process::ExitCode;
use std::time::Duration;

use serde::Deserialize;

use super::remote::{Remote, ServerArgs};
use super::{fail, say};
use crate::config::Right;
use crate::counted::{are, counted};
use crate::publish::{Act, Answer, FolderView, GitView, HeldView, Source, TenantSource, Wish};

const EXAMPLES: &str = "\
Examples, each with `--config /etc/halfmoon.toml` or `--server URL --token-file FILE`:
  halfmoon status                      what is served, and of which commit
  halfmoon publish                     look for the newest commit now, and follow the branch again
  halfmoon publish --force 3f2c9d1     it is meant, whatever a guard says
  halfmoon publish --force example.org what the folder has of this zone is meant
  halfmoon rollback                    back to the commit before; newer ones are served again
  halfmoon rollback 3f2c9d1            back to this one
  halfmoon rollback --tenant acme      back to the commit before of the repository of a tenant

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
    /// Serve this one, which is the newest, although a guard holds it; or, where zones come from a
    /// folder, what it has of this zone, whose name is written with a dot
    #[arg(long, value_name = "COMMIT|ZONE")]
    force: Option<String>,
    /// Of the repository of this tenant, instead of that of `[zones]`
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
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
    /// Of the repository of this tenant, instead of that of `[zones]`
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
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
    folder: Option<FolderView>,
    #[serde(default)]
    sources: Vec<TenantSource>,
    #[serde(default)]
    old_secrets: Vec<String>,
    #[serde(default)]
    missing_secrets: Vec<String>,
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
        "version {}, up for {} s, {ready}, {}",
        status.version,
        status.uptime_s,
        counted(status.zones, "zone")
    ));
    if let Some(git) = status.git {
        show(&git, None);
    }
    if let Some(folder) = status.folder {
        show_folder(&folder, None);
    }
    for TenantSource { tenant, source } in status.sources {
        say(format_args!("tenant {tenant}"));
        match source {
            Source::Git(git) => show(&git, Some(&tenant)),
            Source::Folder(folder) => show_folder(&folder, Some(&tenant)),
        }
    }
    for why in status.old_secrets {
        say(format_args!("a secret is still the one before: {why}"));
    }
    for why in status.missing_secrets {
        say(format_args!("a secret of a tenant is missing: {why}"));
    }
    Ok(())
}

fn show_folder(folder: &FolderView, tenant: Option<&str>) {
    let of = tenant.map_or_else(String::new, |tenant| format!(" --tenant {tenant}"));
    say(format_args!("from {}", folder.path));
    match &folder.loaded {
        Some(at) => say(format_args!("read {at}")),
        None => say("not read yet"),
    }
    if folder.refused > 0 {
        let files = counted(folder.refused, "file");
        say(format_args!("{files} {} refused", are(folder.refused)));
        for why in &folder.why {
            say(format_args!("  {why}"));
        }
    }
    for HeldView { zone, why, since } in &folder.held {
        say(format_args!("held zone {zone} since {since}"));
        say(format_args!("  {why}"));
        say(format_args!("  if it is meant: halfmoon publish{of} --force {zone}"));
    }
    if folder.holding > folder.held.len() {
        let more = folder.holding - folder.held.len();
        say(format_args!("{} {} held", counted(more, "more zone"), are(more)));
    }
    if let Some(error) = &folder.error {
        say(format_args!("cannot read: {error}"));
    }
}

fn show(git: &GitView, tenant: Option<&str>) {
    let of = tenant.map_or_else(String::new, |tenant| format!(" --tenant {tenant}"));
    say(format_args!("from {}, branch {}", git.url, git.branch));
    if let Some(served) = &git.served {
        say(format_args!("serving {} since {}", served.commit, served.since));
        say(format_args!("  {}, {}: {}", served.at, served.author, served.subject));
    }
    if git.rolled_back {
        say(format_args!(
            "  an operator went back to it; the next commit, or `halfmoon publish{of}`, ends that"
        ));
    }
    if let Some(refused) = &git.refused {
        let how = if refused.held { "held" } else { "refused" };
        say(format_args!("{how} {} since {}", refused.commit, refused.at));
        for why in &refused.why {
            say(format_args!("  {why}"));
        }
        if refused.held {
            say(format_args!("  if it is meant: halfmoon publish --force {}{of}", refused.commit));
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
    // No name of a commit has a dot in it.
    let (zone, commit) = match &args.force {
        Some(zone) if zone.contains('.') => (Some(zone.clone()), None),
        commit => (None, commit.clone()),
    };
    order(&args.server, Wish { act, commit, zone, user: None, tenant: args.tenant.clone() })
}

pub(super) fn rollback(args: &RollbackArgs) -> ExitCode {
    let (commit, tenant) = (args.commit.clone(), args.tenant.clone());
    order(&args.server, Wish { act: Act::Rollback, commit, zone: None, user: None, tenant })
}

fn order(server: &ServerArgs, wish: Wish) -> ExitCode {
    let wish = Wish { user: std::env::var("USER").ok(), ..wish };
    let done = Remote::find(server, Right::Write)
        .and_then(|remote| remote.post::<Answer>("/api/v1/publish", &wish));
    match done {
        Ok(_) if let Some(zone) = &wish.zone => {
            say(format_args!("zone {zone} is as the folder has it"))
        }
        Ok(Answer { commit, is_new: true }) => say(format_args!("serving {commit}")),
        Ok(Answer { commit, is_new: false }) => say(format_args!("serving {commit}, as before")),
        Err(why) => return fail(why),
    }
    ExitCode::SUCCESS
}
