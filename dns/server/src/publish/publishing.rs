//! What is known of the repository that zones come from, for those who watch the server, and how its
//! publisher is asked for something.

use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::Order;

/// The repository that zones come from, if they do.
#[derive(Debug, Default)]
pub struct Publishing {
    git: Mutex<Option<GitView>>,
    orders: Mutex<Option<Sender<Order>>>,
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
    /// Who says so, besides the token.
    #[serde(default)]
    pub user: Option<String>,
}

/// What can be wanted of whoever follows a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Look for the newest commit now, and follow the branch again.
    Follow,
    /// Publish the newest commit although a guard holds it.
    Force,
    /// Serve an older commit.
    Rollback,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The commit that is served now.
    pub commit: String,
    /// Whether it is another one than before.
    pub is_new: bool,
}

impl Publishing {
    /// What is known of the repository; none where zones come from a folder.
    #[must_use]
    pub fn git(&self) -> Option<GitView> {
        self.lock().clone()
    }

    pub(super) fn tell(&self, change: impl FnOnce(&mut GitView)) {
        change(self.lock().get_or_insert_default());
    }

    pub(super) fn listen(&self, orders: Sender<Order>) {
        *self.orders.lock().unwrap_or_else(PoisonError::into_inner) = Some(orders);
    }

    /// Asks the publisher. The answer comes, or the other end goes: nobody follows a repository then.
    #[must_use]
    pub fn ask(&self, wish: Wish) -> oneshot::Receiver<Result<Answer, String>> {
        let (reply, answer) = oneshot::channel();
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(orders) = &*orders {
            // A publisher that is gone drops the reply, which tells.
            let _ = orders.send(Order::Ask(wish, reply));
        }
        answer
    }

    fn lock(&self) -> MutexGuard<'_, Option<GitView>> {
        self.git.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
