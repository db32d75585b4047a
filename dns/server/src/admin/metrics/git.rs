//! The repositories and folders that zones come from: the repository of `[zones]` without a label, what tenants
//! have with their names.

use std::fmt::Display;

use super::text::{Kind, Text};
use super::{Sight, State};
use crate::publish::{FolderView, GitView, Source};

/// Writes what there is of those that are seen: of a tenant, its own.
pub(super) fn show(state: &State, sight: &Sight, text: &mut Text) {
    let publishing = &state.shared.publishing;
    let mut repositories: Vec<(Option<String>, GitView)> = Vec::new();
    let of_all = publishing.git().filter(|_| sight.tenant.is_none());
    repositories.extend(of_all.map(|git| (None, git)));
    let mut folders: Vec<(String, FolderView)> = Vec::new();
    // Of the operator's folder all else is in the metrics of loads.
    let mut held: Vec<(Option<String>, usize)> = Vec::new();
    let of_all = publishing.folder().filter(|_| sight.tenant.is_none());
    held.extend(of_all.map(|folder| (None, folder.holding)));
    for of in publishing.tenants(sight.name(&state.shared)) {
        match of.source {
            Source::Git(git) => repositories.push((Some(of.tenant), *git)),
            Source::Folder(folder) => {
                held.push((Some(of.tenant.clone()), folder.holding));
                folders.push((of.tenant, folder));
            }
        }
    }
    if !repositories.is_empty() {
        of_repositories(&repositories, text);
    }
    if !folders.is_empty() {
        of_folders(&folders, text);
    }
    if !held.is_empty() {
        let help = "Zones of a folder of which a guard holds a change.";
        let mut family = text.family("halfmoon_folder_held", Kind::Gauge, help);
        for (tenant, holding) in &held {
            let label = tenant.as_deref().map(|tenant| ("tenant", tenant));
            family.sample(label.as_slice(), holding);
        }
    }
}

fn of_repositories(repositories: &[(Option<String>, GitView)], text: &mut Text) {
    let mut family = text.family(
        "halfmoon_git_commit_info",
        Kind::Gauge,
        "The commit that is served; always 1.",
    );
    for (tenant, git) in repositories {
        let served = git.served.as_ref().map_or("", |served| served.commit.as_str());
        let mut labels = vec![("commit", served), ("branch", git.branch.as_str())];
        labels.extend(tenant.as_deref().map(|tenant| ("tenant", tenant)));
        family.sample(&labels, 1);
    }
    let mut gauge = |name: &str, help: &str, value: &dyn Fn(&GitView) -> Box<dyn Display>| {
        let mut family = text.family(name, Kind::Gauge, help);
        for (tenant, git) in repositories {
            let label = tenant.as_deref().map(|tenant| ("tenant", tenant));
            family.sample(label.as_slice(), value(git));
        }
    };
    gauge(
        "halfmoon_git_commit_timestamp_seconds",
        "When the commit that is served was made.",
        &|git| Box::new(git.served.as_ref().map_or(0, |served| served.made_at)),
    );
    gauge(
        "halfmoon_git_rolled_back",
        "Whether an operator went back to an older commit.",
        &|git| Box::new(u8::from(git.rolled_back)),
    );
    gauge(
        "halfmoon_git_last_fetch_timestamp_seconds",
        "When the branch was last looked at with success; 0: never.",
        &|git| Box::new(git.fetched_at),
    );
    gauge("halfmoon_git_fetch_failing", "Whether the last look at the branch failed.", &|git| {
        Box::new(u8::from(git.fetch_error.is_some()))
    });
    let mut family = text.family(
        "halfmoon_git_commit_refused",
        Kind::Gauge,
        "Whether the newest commit of the branch is not served, by why.",
    );
    for (tenant, git) in repositories {
        for (why, held) in [("fault", false), ("guard", true)] {
            let mut labels = vec![("why", why)];
            labels.extend(tenant.as_deref().map(|tenant| ("tenant", tenant)));
            let is = git.refused.as_ref().is_some_and(|refused| refused.held == held);
            family.sample(&labels, u8::from(is));
        }
    }
}

fn of_folders(folders: &[(String, FolderView)], text: &mut Text) {
    let mut gauge = |name: &str, help: &str, value: &dyn Fn(&FolderView) -> u64| {
        let mut family = text.family(name, Kind::Gauge, help);
        for (tenant, folder) in folders {
            family.sample(&[("tenant", tenant)], value(folder));
        }
    };
    gauge(
        "halfmoon_folder_refused",
        "Zone files in the folder of a tenant that are refused.",
        &|folder| folder.refused as u64,
    );
    gauge(
        "halfmoon_folder_unreadable",
        "Whether the folder of a tenant could not be read the last time.",
        &|folder| u64::from(folder.error.is_some()),
    );
    gauge(
        "halfmoon_folder_last_load_timestamp_seconds",
        "When zones of the folder of a tenant were last read; 0: never.",
        &|folder| folder.loaded_at,
    );
}
