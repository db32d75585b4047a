//! How a repository begins to be followed: with its copy, and what was served of it.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};

use super::super::base::Base;
use super::super::{LOOK, Order, SourceError};
use super::work::Work;
use super::{Following, Repository};

/// Follows a repository until the end is ordered.
pub(in crate::publish) fn follow(
    repository: &Repository,
    mut base: Base,
    orders: &Sender<Order>,
    inbox: &Receiver<Order>,
) {
    let Some(following) = opened(repository, &mut base, inbox) else {
        return;
    };
    let mut work = Work::new(following, base, repository.key.clone());
    work.recall();
    work.fetch(orders);
    work.run(inbox);
}

/// The copy of a repository, and what is written down of it, as soon as they can be read; `None`: the end was
/// ordered.
fn opened(repository: &Repository, base: &mut Base, inbox: &Receiver<Order>) -> Option<Following> {
    let mut told = None;
    loop {
        let opened = Following::open(repository, &base.hub.is_over).and_then(|following| {
            base.compile.serials = following.serials(repository.git.serial)?;
            Ok(following)
        });
        let error = match opened {
            Ok(following) => return Some(following),
            Err(error) => error,
        };
        let why = error.to_string();
        base.tell(|source| source.change_git(|git| git.fetch_error = Some(why.clone())));
        if base.is_awaited() {
            base.begun(Err(SourceError::Git { key: repository.key.clone(), source: error }));
        } else if told.as_ref() != Some(&why) {
            tracing::error!(%error, "the repository cannot be followed; it is tried again");
        }
        match inbox.recv_timeout(LOOK) {
            Ok(Order::End) | Err(RecvTimeoutError::Disconnected) => return None,
            // Who has gone away does not hear it.
            Ok(Order::Ask(_, reply)) => drop(reply.send(Err(why.clone()))),
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
        }
        told = Some(why);
    }
}
