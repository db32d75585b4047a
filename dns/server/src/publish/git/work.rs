//! The thread that publishes commits: what it is told of, and what becomes of a commit.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime};

use halfmoon_git::CommitId;
use halfmoon_zones::{Loaded, Proposal};
use tokio::sync::oneshot;

use super::super::base::Base;
use super::super::publishing::{Act, Answer, CommitView, GitView, RefusedView, Wish};
use super::super::start::Begin;
use super::super::tell::{MOST_LOGGED, report_file};
use super::super::{LOOK, Order, SourceError, guards};
use super::asked::{Asked, LONGEST, Look, Looks};
use super::refusal::Refusal;
use super::{FollowError, Following, MOST_REASONS, Proposed, TRAILER, reasons};
use crate::date::date;
use crate::events::What;
use crate::shared::{Served, Zones};

/// The publishing thread of a repository.
pub(super) struct Work {
    following: Following,
    base: Base,
    /// The section of the configuration.
    key: String,
    /// What has the branch looked at, if there is a thread for it.
    looks: Option<Looks>,
    /// Orders that wait for a look.
    asked: Vec<Asked>,
    /// The newest commit of the branch, as far as it is known.
    tip: Option<CommitId>,
    /// The commit that was looked at and is not right, or held: it is not looked at again.
    judged: Option<CommitId>,
    /// The commit that is tried again, and what was told of it.
    waiting: Option<(CommitId, Vec<String>)>,
    /// Something about the zones that are served has changed and could not be taken in.
    is_behind: bool,
    /// Why, as it was told.
    why_behind: Vec<String>,
}

/// How the zones of a commit have come to be asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guarded {
    Yes,
    No,
}

impl Work {
    pub(super) fn new(following: Following, base: Base, key: String) -> Self {
        let work = Self {
            following,
            base,
            key,
            looks: None,
            asked: Vec::new(),
            tip: None,
            judged: None,
            waiting: None,
            is_behind: false,
            why_behind: Vec::new(),
        };
        let is_back = work.following.kept.passed_over.is_some();
        work.tell(|git| git.rolled_back = is_back);
        work
    }

    /// Starts to fetch.
    pub(super) fn fetch(&mut self, orders: &Sender<Order>) {
        match self.following.fetch_always(orders.clone()) {
            Ok(looks) => {
                self.looks = Some(looks);
                self.base.begins(Begin::Waits);
            }
            Err(error) => {
                let error = FollowError::Thread(error);
                tracing::error!(%error, "nothing is fetched");
                self.tell(|git| git.fetch_error = Some(error.to_string()));
                self.begun(Err(error));
            }
        }
    }

    pub(super) fn run(mut self, inbox: &Receiver<Order>) {
        loop {
            let now = Instant::now();
            let wait = self.asked.iter().map(|asked| asked.left(now)).fold(LOOK, Duration::min);
            match inbox.recv_timeout(wait) {
                Ok(Order::Tip(tip, look)) => self.learn(tip, look),
                Ok(Order::Ask(wish, reply)) => self.obey(wish, reply),
                Ok(Order::Load) => {
                    // SIGHUP: fetch, and look again at what is here.
                    self.judged = None;
                    self.look();
                    self.renew();
                }
                Ok(Order::Keys) => self.renew(),
                Ok(Order::Changed(_) | Order::Missed | Order::Settle(_))
                | Err(RecvTimeoutError::Timeout) => {}
                Ok(Order::End) | Err(RecvTimeoutError::Disconnected) => return,
            }
            let now = Instant::now();
            for asked in self.asked.extract_if(.., |asked| asked.is_over(now)).collect::<Vec<_>>() {
                let why = format!("the repository has not answered for {LONGEST:?}");
                self.answer(asked, Some(&why));
            }
            if self.base.look() {
                self.renew();
            }
        }
    }

    /// Serves what was served last, if that is known, without asking anybody.
    pub(super) fn recall(&mut self) {
        let Some(commit) = self.following.recalled() else {
            return;
        };
        let started = Instant::now();
        let proposed = self.following.changed(commit, &BTreeSet::new()).and_then(|changed| {
            let _desk = self.base.prepare();
            self.following.propose(commit, changed, &Zones::default(), &mut self.base.compile)
        });
        match proposed {
            // What was served is served again, but for zones that this version finds wrong. Those that
            // something here was in the way of are looked at again.
            Ok(Proposed { proposal, unread, .. }) => {
                self.following.unread = unread;
                if let Err(error) =
                    self.following.accept_serials(self.base.compile.serials.as_mut())
                {
                    tracing::error!(%error, "serials cannot be written down");
                }
                self.following.served = Some(commit);
                self.swap(proposal, started);
                self.show_served();
                self.begun(Ok(()));
            }
            Err(error) => tracing::error!(
                %commit, %error, "the commit that was served cannot be read; fetching"
            ),
        }
    }

    /// Has the branch looked at now.
    fn look(&self) -> Look {
        self.looks.as_ref().map_or(Look::MIN, Looks::now)
    }

    fn begun(&mut self, outcome: Result<(), FollowError>) {
        let git = |source| SourceError::Git { key: self.key.clone(), source };
        self.base.begun(outcome.map_err(git));
    }

    /// Changes what is known of the repository by those who watch the server.
    fn tell(&self, change: impl FnOnce(&mut GitView)) {
        self.base.tell(|source| source.change_git(change));
    }

    /// Takes in what a look at the branch has found, and obeys those who have waited for it.
    fn learn(&mut self, tip: Result<CommitId, String>, look: Look) {
        let is_told = |asked: &mut Asked| asked.is_told_by(look);
        let asked: Vec<Asked> = self.asked.extract_if(.., is_told).collect();
        let mut failed = None;
        match tip {
            Ok(tip) => {
                self.tip = Some(tip);
                self.base.begins(Begin::Reads);
                let now = SystemTime::now();
                let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                self.tell(|git| {
                    git.newest = Some(tip.to_string());
                    (git.fetched, git.fetched_at) = (Some(date(now)), since.as_secs());
                    if git.fetch_error.take().is_some() {
                        tracing::info!("the repository is reached again");
                    }
                });
            }
            Err(error) => {
                self.base.shared.loads.fail();
                let said = error.clone();
                self.tell(|git| {
                    // Once for each reason, not at each interval.
                    if git.fetch_error.as_ref() != Some(&said) {
                        tracing::error!(error = %said, "cannot fetch; what was served before still is");
                    }
                    git.fetch_error = Some(said);
                });
                failed = Some(format!("cannot fetch: {error}"));
                self.begun(Err(FollowError::Fetch(error)));
            }
        }
        // Who has it followed has it looked at; else it is, whatever others wanted.
        let is_looked_at = asked.iter().any(|asked| asked.wish.act == Act::Follow);
        for asked in asked {
            self.answer(asked, failed.as_deref());
        }
        if failed.is_none() && !is_looked_at {
            let _ = self.advance();
        }
        if self.is_behind || !self.following.unread.is_empty() {
            self.renew();
        }
    }

    /// Serves the newest commit, unless it was passed over or judged.
    fn advance(&mut self) -> Result<(), Refusal> {
        let Some(tip) = self.tip else {
            return Ok(());
        };
        let served = self.following.served;
        let is_passed_over = served.is_some() && self.following.passes_over(tip);
        if is_passed_over || self.judged == Some(tip) || served == Some(tip) {
            return Ok(());
        }
        let done = self.publish(tip, Guarded::Yes, None, "");
        if let Err(refusal) = &done {
            self.begun(Err(FollowError::Refused { commit: tip, why: refusal.shown() }));
        }
        done
    }

    /// Does what an operator wants, at once if the branch does not matter to it.
    fn obey(&mut self, wish: Wish, reply: oneshot::Sender<Result<Answer, String>>) {
        let begun = match wish.act {
            Act::Follow => self.stop_passing_over(),
            Act::Force | Act::Rollback => Ok(()),
        };
        let is_to_wait = begun.is_ok() && wish.act != Act::Rollback;
        let look = if is_to_wait { self.look() } else { Look::MIN };
        let asked = Asked::new(wish, self.following.served, reply, look);
        match begun {
            Err(why) => asked.tell(Err(why)),
            Ok(()) if is_to_wait => self.asked.push(asked),
            Ok(()) => self.answer(asked, None),
        }
    }

    /// Does it, by what is known of the branch, and says what became of it. `failed`: why no more is known.
    fn answer(&mut self, asked: Asked, failed: Option<&str>) {
        let done = match asked.wish.act {
            Act::Follow => {
                self.judged = None;
                let done = self.advance().map_err(told);
                match failed {
                    Some(why) => Err(why.to_owned()),
                    None => done,
                }
            }
            Act::Force => self.force(&asked.wish),
            Act::Rollback => self.roll_back(&asked.wish),
        };
        let served = self.following.served;
        let is_new = asked.before != served;
        let answer = done.and_then(|()| {
            let commit = served.ok_or("nothing is served")?.to_string();
            Ok(Answer { commit, is_new })
        });
        asked.tell(answer);
    }

    /// Follows the branch again where an operator went back.
    fn stop_passing_over(&mut self) -> Result<(), String> {
        if self.following.kept.passed_over.is_some()
            && let Some(served) = self.following.served
        {
            let tops = self.following.kept.tops.clone();
            self.following
                .write_down(served, None, tops, None)
                .map_err(|error| error.to_string())?;
            self.tell(|git| git.rolled_back = false);
        }
        Ok(())
    }

    fn force(&mut self, wish: &Wish) -> Result<(), String> {
        let text = wish.commit.as_deref().unwrap_or_default();
        let commit = self.following.copy.resolve(text).map_err(|error| error.to_string())?;
        match self.tip {
            Some(tip) if tip == commit => {}
            Some(tip) => {
                return Err(format!(
                    "{commit} is not the newest commit of the branch, {tip} is; \
                     `halfmoon rollback` serves an older one"
                ));
            }
            None => return Err("the branch was not fetched yet; try again".to_owned()),
        }
        let who = wish.user.as_deref().unwrap_or("an operator");
        self.publish(commit, Guarded::No, None, who).map_err(told)
    }

    fn roll_back(&mut self, wish: &Wish) -> Result<(), String> {
        let text = wish.commit.clone().or_else(|| self.following.kept.before.clone());
        let text = text.ok_or("no commit was served before this one; name one")?;
        let commit = self.following.copy.resolve(&text).map_err(|error| error.to_string())?;
        // After a restart nothing may have been fetched yet: what was passed over then still is.
        let newest = self.tip.map(|tip| tip.to_string());
        let newest = newest.or_else(|| self.following.kept.passed_over.clone());
        let newest = newest.or_else(|| self.following.served.map(|served| served.to_string()));
        let who = wish.user.as_deref().unwrap_or("an operator");
        self.publish(commit, Guarded::No, newest, who).map_err(told)
    }

    /// Looks again at what is served, as keys of its zones have changed, or some could not be read. What cannot be
    /// taken in now is tried again at each interval.
    fn renew(&mut self) {
        if self.base.compile.signing.is_none() && self.following.unread.is_empty() {
            return;
        }
        let Some(served) = self.following.served else {
            return;
        };
        let why = self.try_to_renew(served).err().unwrap_or_default();
        self.is_behind = !why.is_empty();
        // Once for each reason, not at each interval.
        if self.is_behind && why != self.why_behind {
            let why = why.join("; ");
            tracing::error!(
                why,
                "zones of the commit that is served stay as they are; tried again at each interval"
            );
        }
        self.why_behind = why;
    }

    /// Takes in what has changed about the zones that are served.
    ///
    /// # Errors
    /// Why not all of it could be.
    fn try_to_renew(&mut self, served: CommitId) -> Result<(), Vec<String>> {
        let started = Instant::now();
        let changed = self.following.changed(served, &self.following.unread);
        let proposed = changed.and_then(|changed| {
            let _desk = self.base.prepare();
            let Base { zones, compile, .. } = &mut self.base;
            self.following.propose(served, changed, zones, compile)
        });
        let Proposed { proposal, unread, .. } = proposed
            .map_err(|error| vec![format!("the commit that is served cannot be read: {error}")])?;
        let Loaded { catalog, reports, .. } = &proposal.loaded;
        let why = if proposal.is_refused() { reasons(&proposal) } else { Vec::new() };
        // Of zones that are not served nothing is lost if they are wrong.
        let mut kept = self.base.zones.zones().iter().map(|hosted| hosted.zone.apex());
        let is_for_all = kept.all(|apex| catalog.zone(apex).is_some());
        let is_any_new = reports.iter().any(|file| !file.is_wrong());
        let still_unread: Vec<_> = self.following.unread.intersection(&unread).cloned().collect();
        if is_for_all && is_any_new {
            let serials = self.base.compile.serials.as_mut();
            let taken = self.following.accept_serials(serials);
            taken.map_err(|error| vec![error.to_string()])?;
            self.swap(proposal, started);
        }
        if is_for_all {
            // What was read and is wrong by itself waits for a commit.
            self.following.unread = still_unread.into_iter().collect();
        }
        if why.is_empty() || is_for_all && self.following.unread.is_empty() {
            return Ok(());
        }
        Err(why)
    }

    /// Serves a commit, or stays with the one before and says why.
    fn publish(
        &mut self,
        commit: CommitId,
        guarded: Guarded,
        passed_over: Option<String>,
        who: &str,
    ) -> Result<(), Refusal> {
        let started = Instant::now();
        let is_first = self.following.served.is_none();
        let done = self.attempt(commit, guarded, passed_over.clone(), started);
        match done {
            Ok(signer) => {
                (self.judged, self.waiting) = (None, None);
                let who = signer.as_deref().unwrap_or(who);
                self.show_served();
                self.begun(Ok(()));
                let about = self.following.copy.about(commit);
                let subject = about.map(|about| about.subject).unwrap_or_default();
                tracing::info!(%commit, subject, who, "commit served");
                self.tell(|git| {
                    git.rolled_back = passed_over.is_some();
                    git.refused = None;
                });
                // What a server begins with is no change.
                if !is_first {
                    let (commit, who) = (commit.to_string(), who.to_owned());
                    self.note(What::CommitServed { commit, subject, who });
                }
                Ok(())
            }
            // What was interrupted is no news; the next process looks at the commit anew.
            Err(refusal) if self.base.hub.is_over.load(Ordering::Relaxed) => Err(refusal),
            Err(mut refusal) => {
                let is_tip = self.tip == Some(commit);
                if is_tip {
                    self.judged = Some(commit).filter(|_| !refusal.passing);
                }
                if refusal.passing && is_tip && !self.following.passes_over(commit) {
                    refusal.why.push("it is tried again at each interval".to_owned());
                    let waiting = Some((commit, refusal.why.clone()));
                    if self.waiting == waiting {
                        // It is told once for each reason.
                        return Err(refusal);
                    }
                    self.waiting = waiting;
                }
                let how = if refusal.held { "held by a guard" } else { "refused" };
                let served = self.following.served.map(|id| id.to_string()).unwrap_or_default();
                let why = refusal.shown();
                let rest =
                    if is_first { "nothing is served" } else { "the one before is still served" };
                tracing::error!(%commit, served, why, "commit {how}; {rest}");
                let held = refusal.held;
                self.note(What::CommitRefused { commit: commit.to_string(), held, why });
                if is_tip {
                    let (held, why) = (refusal.held, refusal.why.clone());
                    let (commit, at) = (commit.to_string(), date(SystemTime::now()));
                    let refused = RefusedView { commit, at, held, why };
                    self.tell(|git| git.refused = Some(refused));
                }
                Err(refusal)
            }
        }
    }

    fn note(&self, what: What) {
        self.base.shared.events.note_of(self.base.tenant.as_deref(), what);
    }

    fn attempt(
        &mut self,
        commit: CommitId,
        guarded: Guarded,
        passed_over: Option<String>,
        started: Instant,
    ) -> Result<Option<String>, Refusal> {
        let zones = Arc::clone(&self.base.zones);
        let following = &mut self.following;
        // What was served before has passed; the way back to it is not to depend on anybody.
        let is_known = guarded == Guarded::No
            && following.kept.before.as_deref() == Some(&*commit.to_string());
        let (mut signer, mut released) = (None, String::new());
        if !is_known {
            signer = following.signer(commit)?;
        }
        let changed = following.changed(commit, &BTreeSet::new())?;
        let desk = self.base.prepare();
        let proposal = following.propose(commit, changed, &zones, &mut self.base.compile);
        drop(desk);
        let Proposed { proposal, is_passing, touched, .. } = proposal?;
        if proposal.is_refused() {
            let mut logged = 0;
            let is_told =
                is_passing && self.waiting.as_ref().is_some_and(|(other, _)| *other == commit);
            let wrong = proposal.loaded.reports.iter().filter(|file| file.is_wrong());
            for file in wrong.filter(|_| !is_told) {
                report_file(file, &mut logged);
                if logged > MOST_LOGGED {
                    break;
                }
            }
            self.base.shared.loads.note(&proposal.loaded, started.elapsed());
            let why = reasons(&proposal);
            return Err(Refusal { held: false, passing: is_passing, why });
        }
        if following.served.is_none() && proposal.loaded.catalog.zones().is_empty() {
            return Err(Refusal::of(following.no_zones()));
        }
        if guarded == Guarded::Yes {
            let mut passing = false;
            let signing = self.base.compile.signing.as_ref();
            let mut why = guards::held(&following.guards, &proposal.loaded, &zones, signing);
            if !why.is_empty() {
                match following.released_by(commit) {
                    Ok(None) => {}
                    Ok(Some(who)) => {
                        released = why.join("; ");
                        signer = Some(who);
                        why.clear();
                    }
                    Err(wrong) => {
                        passing = wrong.passing;
                        let wrong = wrong.shown();
                        why.push(format!("its trailer {TRAILER} counts for nothing: {wrong}"));
                    }
                }
            }
            if !why.is_empty() {
                let more = why.len().saturating_sub(MOST_REASONS);
                why.truncate(MOST_REASONS);
                if more > 0 {
                    why.push(format!("{more} more of the kind"));
                }
                return Err(Refusal { held: true, passing, why });
            }
        }
        if !is_known {
            let commits = (commit, following.served);
            following.verifier.ask(&following.copy, commits, &proposal.loaded)?;
        }
        // An operator who forces a commit says that its history is the one that is meant.
        let is_forced = guarded == Guarded::No && passed_over.is_none();
        // So is that of the first one.
        let is_first = following.served.is_none();
        let tops = if is_forced || is_first { Vec::new() } else { following.tops_beside(commit) };
        // Written down before it is served: a restart must not serve anything older.
        following.write_down(commit, passed_over, tops, self.base.compile.serials.as_mut())?;
        following.served = Some(commit);
        for path in touched {
            following.unread.remove(&path);
        }
        if !released.is_empty() {
            let who = signer.as_deref().unwrap_or_default();
            tracing::warn!(%commit, who, why = released, "its signed trailer says that it is meant");
        }
        self.swap(proposal, started);
        Ok(signer)
    }

    fn swap(&mut self, proposal: Proposal<Served>, started: Instant) {
        self.base.note(&proposal.loaded, started.elapsed());
        let zones = self.following.loader.accept(proposal);
        self.base.swap(zones);
    }

    fn show_served(&self) {
        let Some(commit) = self.following.served else {
            return;
        };
        let about = self.following.copy.about(commit).ok();
        let view = about.map_or_else(CommitView::default, |about| {
            let made = Duration::from_secs(u64::try_from(about.at).unwrap_or(0));
            CommitView {
                commit: commit.to_string(),
                at: date(SystemTime::UNIX_EPOCH + made),
                made_at: about.at,
                author: about.author,
                subject: about.subject,
                since: date(SystemTime::now()),
            }
        });
        self.tell(|git| git.served = Some(view));
    }
}

fn told(refusal: Refusal) -> String {
    let why = refusal.why.join("; ");
    if refusal.held {
        return format!("held: {why}; `halfmoon publish --force COMMIT` says that it is meant");
    }
    format!("refused: {why}")
}
