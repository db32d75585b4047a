//! What is known of the places that zones come from, for those who watch the server, and how a publisher is
//! asked for something.

use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::Order;

/// Where zones come from, and who can be asked to publish.
#[derive(Debug, Default)]
pub struct Publishing {
    /// By number.
    sources: Mutex<Vec<Known>>,
}

#[derive(Debug)]
struct Known {
    tenant: Option<String>,
    source: Source,
    /// Whether its first zones are served, or it is known why not.
    has_begun: bool,
    orders: Sender<Order>,
}

/// What is known of a source of zones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A folder, or a list of files.
    Folder(FolderView),
    /// A repository.
    Git(Box<GitView>),
}

/// What is known of the source of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantSource {
    /// The tenant.
    pub tenant: String,
    /// Its source.
    #[serde(flatten)]
    pub source: Source,
}

/// What is known of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderView {
    /// Where it is; empty where files are listed.
    pub path: String,
    /// When zones of it were last read, in UTC (RFC 3339).
    pub loaded: Option<String>,
    /// The same in seconds since 1970; 0: never.
    pub loaded_at: u64,
    /// How many of its zone files are refused.
    pub refused: usize,
    /// Why; the first reasons, if there are many.
    pub why: Vec<String>,
    /// Why the folder could not be read the last time, if it could not.
    pub error: Option<String>,
    /// Of how many zones a guard holds a change.
    #[serde(default)]
    pub holding: usize,
    /// The first of them.
    #[serde(default)]
    pub held: Vec<HeldView>,
}

/// A zone of a folder of which a guard holds a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldView {
    /// Its name.
    pub zone: String,
    /// Why.
    pub why: String,
    /// Since when, in UTC (RFC 3339).
    pub since: String,
}

/// What is known of the repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitView {
    /// Where it is.
    pub url: String,
    /// The branch.
    pub branch: String,
    /// The commit that is served.
    pub served: Option<CommitView>,
    /// The newest commit of the branch, if it is not served.
    pub refused: Option<RefusedView>,
    /// The newest commit of the branch, as far as it is known.
    pub newest: Option<String>,
    /// Whether an operator went back to an older commit (`halfmoon rollback`).
    pub rolled_back: bool,
    /// When the branch was last looked at with success, in UTC (RFC 3339).
    pub fetched: Option<String>,
    /// The same in seconds since 1970; 0: never.
    pub fetched_at: u64,
    /// Why that failed since then.
    pub fetch_error: Option<String>,
}

/// A commit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitView {
    /// Its name.
    pub commit: String,
    /// When it was made, in UTC (RFC 3339).
    pub at: String,
    /// The same in seconds since 1970.
    pub made_at: i64,
    /// Who wrote it.
    pub author: String,
    /// The first line of its message.
    pub subject: String,
    /// Since when it is served, in UTC (RFC 3339).
    pub since: String,
}

/// A commit that is not served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedView {
    /// Its name.
    pub commit: String,
    /// When that was decided, in UTC (RFC 3339).
    pub at: String,
    /// Whether `halfmoon publish --force` lets it through.
    pub held: bool,
    /// Why; the first reasons, if there are many.
    pub why: Vec<String>,
}

/// What an operator wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// What.
    pub act: Act,
    /// The commit, by its first digits.
    #[serde(default)]
    pub commit: Option<String>,
    /// The zone whose folder is meant as it is, in place of a commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Who says so, besides the token.
    #[serde(default)]
    pub user: Option<String>,
    /// The tenant whose repository or folder is meant; none: that of `[zones]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

/// What can be wanted of whoever follows a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Look for the newest commit now, and follow the branch again.
    Follow,
    /// Publish the newest commit, or what the folder has of a zone, although a guard holds it.
    Force,
    /// Serve an older commit.
    Rollback,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The commit that is served now; empty where zones come from a folder.
    pub commit: String,
    /// Whether it is another one than before.
    pub is_new: bool,
}

impl Publishing {
    /// What is known of the repository of `[zones]`; none where these zones come from a folder.
    #[must_use]
    pub fn git(&self) -> Option<GitView> {
        let sources = self.lock();
        sources.iter().find(|known| known.tenant.is_none()).and_then(|known| known.source.git())
    }

    /// What is known of the folder of `[zones]`; none where these zones come from Git.
    #[must_use]
    pub fn folder(&self) -> Option<FolderView> {
        let sources = self.lock();
        let known = sources.iter().find(|known| known.tenant.is_none())?;
        match &known.source {
            Source::Folder(folder) => Some(folder.clone()),
            Source::Git(_) => None,
        }
    }

    /// What is known of the sources of tenants, in order of their names, or of one tenant alone.
    #[must_use]
    pub fn tenants(&self, alone: Option<&str>) -> Vec<TenantSource> {
        let of_tenant = |known: &Known| {
            let name = known.tenant.as_ref().filter(|name| alone.is_none_or(|one| one == *name))?;
            Some(TenantSource { tenant: name.clone(), source: known.source.clone() })
        };
        self.lock().iter().filter_map(of_tenant).collect()
    }

    /// Adds a source, whose number is how many there are already.
    pub(super) fn add(&self, tenant: Option<String>, source: Source, orders: Sender<Order>) {
        self.lock().push(Known { tenant, source, has_begun: false, orders });
    }

    pub(super) fn tell(&self, number: usize, change: impl FnOnce(&mut Source)) {
        if let Some(known) = self.lock().get_mut(number) {
            change(&mut known.source);
        }
    }

    /// The first zones of a source are served, or it is known why not.
    pub(super) fn has_begun(&self, number: usize) {
        if let Some(known) = self.lock().get_mut(number) {
            known.has_begun = true;
        }
    }

    /// The places that were not read yet, by their tenants, or `None` for that of `[zones]`; and how many places there
    /// are.
    #[must_use]
    pub fn unread(&self) -> (Vec<Option<String>>, usize) {
        let sources = self.lock();
        let unread = sources.iter().filter(|known| !known.has_begun);
        (unread.map(|known| known.tenant.clone()).collect(), sources.len())
    }

    /// Asks the publisher of a source. The answer comes, or the other end goes: the server is ending then.
    ///
    /// # Errors
    /// There is no such place, or nothing of the kind is done there.
    pub fn ask(&self, wish: Wish) -> Result<oneshot::Receiver<Result<Answer, String>>, String> {
        let sources = self.lock();
        let known = sources.iter().find(|known| known.tenant == wish.tenant);
        let has_commits = known.is_some_and(|known| known.source.git().is_some());
        if let Some(zone) = &wish.zone
            && (has_commits || wish.act != Act::Force)
        {
            return Err(format!("zone {zone} alone cannot be published; name a commit"));
        }
        let Some(known) = known.filter(|_| has_commits || wish.zone.is_some()) else {
            return Err(match &wish.tenant {
                None => "the zones of this server do not come from Git; set `zones.git`".to_owned(),
                Some(tenant) => format!(
                    "there is no tenant {tenant} whose zones come from Git; set `tenants.{tenant}.git`"
                ),
            });
        };
        let (reply, answer) = oneshot::channel();
        // A publisher that is gone drops the reply, which tells.
        let _ = known.orders.send(Order::Ask(wish, reply));
        Ok(answer)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Known>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source {
    /// The repository, if it is one.
    #[must_use]
    pub fn git(&self) -> Option<GitView> {
        match self {
            Self::Git(git) => Some(GitView::clone(git)),
            Self::Folder(_) => None,
        }
    }

    /// Changes what is known of a repository.
    pub(super) fn change_git(&mut self, change: impl FnOnce(&mut GitView)) {
        if let Self::Git(git) = self {
            change(git);
        }
    }

    /// Changes what is known of a folder.
    pub(super) fn change_folder(&mut self, change: impl FnOnce(&mut FolderView)) {
        if let Self::Folder(folder) = self {
            change(folder);
        }
    }
}
