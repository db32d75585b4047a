//! What the functions by health have in common when they run: which members of a pool are in
//! question for this client.

use std::ops::Range;

use halfmoon_healthcheck::{
    CheckId, Choice, Force, Member, Pick, Policy, Pool, PoolHandle, PoolId, State, Verdict,
};
use halfmoon_wire::Type;

use crate::answers::Reads;
use crate::binder::Binder;
use crate::budget::Budget;
use crate::eval::Eval;
use crate::functions::options::{Options, Ttl};
use crate::story::{self, Finding};

/// What is said while nothing is known of anything.
pub(super) const UNKNOWN: &str = "no address was checked yet, and failOnIncompleteCheck is set";
/// What is said where the policy is to say nothing else.
const FAILURE: &str = "no address is up, and all_down is 'servfail'";

/// A pool, registered where the list stands in the text, worked out at each query where a program
/// computes it.
#[derive(Debug)]
pub(super) struct Pooled {
    checks: Vec<Option<CheckId>>,
    /// Which members make a group. No group is empty.
    groups: Vec<Range<u32>>,
    policy: Policy,
    fails_unknown: bool,
    ttl: Option<Ttl>,
    /// With its number among those of the program.
    pool: Option<(u32, PoolHandle)>,
    /// Who the members are, for operators to say something of them, in a list that a program computes
    /// while they do.
    members: Vec<Member>,
    rtype: Type,
}

impl Pooled {
    /// Takes a pool in; registers it if it stands in the text.
    pub(super) fn bind(
        members: Vec<Member>,
        groups: Vec<Range<u32>>,
        options: &Options,
        binder: &mut Binder<'_>,
    ) -> Self {
        let slowest = binder.slowest.take().unwrap_or_default();
        binder.budget = Some(Budget::new(slowest, options.ttl, options.rto));
        let checks = members.iter().map(|member| member.check).collect();
        let is_judged = binder.orders().is_some();
        let (mut registered, mut judged) = (Vec::new(), Vec::new());
        if is_judged {
            judged = members
        } else {
            registered = members
        }
        let pool = binder.pool_name().map(|name| Pool {
            name,
            members: registered,
            groups: groups.clone(),
            policy: options.policy,
        });
        Self {
            checks,
            groups,
            policy: options.policy,
            fails_unknown: options.fails_unknown,
            ttl: options.ttl,
            pool: pool.and_then(|pool| Some((pool.name.number, binder.register(pool)?))),
            members: judged,
            rtype: binder.inner,
        }
    }

    /// Its number and its place on the board, if it is registered.
    pub(super) fn place(&self) -> Option<(u32, PoolId)> {
        self.pool.as_ref().map(|(number, pool)| (*number, pool.id()))
    }

    /// Puts the numbers of those in question into [`crate::eval::Scratch::chosen`].
    ///
    /// `is_sticky`: the same client has to get the same answer, so who is let in by a member on its way
    /// back is decided by the client and not by chance.
    pub(super) fn choose(
        &self,
        is_sticky: bool,
        eval: &mut Eval<'_>,
    ) -> Result<Choice, &'static str> {
        eval.trace.read(Reads::HEALTH);
        let health = eval.health;
        let standing = self.place().and_then(|(number, pool)| {
            eval.trace.chose |= 1u64.checked_shl(number).unwrap_or(0);
            health.pool(pool)
        });
        let (choice, is_known, is_settled) = match standing {
            Some(standing) => {
                let found = (standing.choice, standing.is_known, standing.is_settled);
                self.tell(eval, &standing.chosen, found);
                let_in(&standing.chosen, is_sticky, eval);
                found
            }
            None => {
                let mut picks = std::mem::take(&mut eval.scratch.picks);
                picks.clear();
                let found = self.work_out(eval, &mut picks);
                self.tell(eval, &picks, found);
                let_in(&picks, is_sticky, eval);
                eval.scratch.picks = picks;
                found
            }
        };
        eval.trace.ttl(self.ttl.map(|ttl| ttl.of(is_settled)));
        match choice {
            Choice::Failure => Err(FAILURE),
            Choice::Selected => Ok(choice),
            _ if self.fails_unknown && !is_known => Err(UNKNOWN),
            _ => Ok(choice),
        }
    }

    /// Notes what is known of the members, if somebody wants to know.
    #[inline]
    fn tell(&self, eval: &mut Eval<'_>, picks: &[Pick], found: (Choice, bool, bool)) {
        let health = eval.health;
        eval.scratch.tell(|| {
            let (choice, _, is_settled) = found;
            Finding::Pool(story::Pool {
                id: self.place().map(|(_, id)| id).filter(|id| health.pool(*id).is_some()),
                members: self.checks.iter().map(|check| (String::new(), *check)).collect(),
                groups: self.groups.clone(),
                choice,
                picks: picks.to_vec(),
                is_settled,
                ttl: self.ttl.map(|ttl| ttl.of(is_settled)),
            })
        });
    }

    /// What was registered says; here from the verdicts and what operators say now.
    fn work_out(&self, eval: &mut Eval<'_>, picks: &mut Vec<Pick>) -> (Choice, bool, bool) {
        let health = eval.health;
        match health.orders().filter(|_| !self.members.is_empty()) {
            Some(orders) => eval.ask(orders, self.rtype, &self.members),
            None => eval.scratch.forced.clear(),
        }
        let said = &eval.scratch.forced;
        let forced = |number: u32| said.get(number as usize).copied().flatten();
        let verdict = |number: u32| {
            let check = self.checks.get(number as usize).copied().flatten();
            check.map(|check| health.verdict(check))
        };
        let standing = |number: u32| {
            let is_checked = verdict(number).is_some();
            let mut standing = self.policy.standing(&verdict(number).unwrap_or_default(), false);
            standing.is_in &= is_checked;
            standing
        };
        let choice = self.policy.choose_under(forced, &self.groups, standing, &[], picks);
        let all = 0..self.checks.len() as u32;
        let mut known = all.clone().filter_map(verdict);
        let is_known =
            known.any(|verdict| verdict.state != State::Unknown) || said.contains(&Some(Force::Up));
        (choice, is_known, all.filter_map(verdict).all(|verdict| verdict.is_settled))
    }
}

/// Leaves those that are for this client: all that are wholly back, others as far as their share
/// goes. A share only grows, so a client that was let in stays in.
fn let_in(picks: &[Pick], is_sticky: bool, eval: &mut Eval<'_>) {
    eval.scratch.chosen.clear();
    eval.scratch.ahead.next = None;
    let first = |pick: &&Pick| pick.tier == 0;
    if picks.iter().all(|pick| pick.share >= Verdict::WHOLE && pick.tier == 0) {
        eval.scratch.chosen.extend(picks.iter().map(|pick| pick.member));
        return;
    }
    let point = if eval.scratch.ahead.is_asked {
        let point = eval.scratch.ahead.point;
        let greater = |share: &u16| (point + 1..Verdict::WHOLE).contains(share);
        eval.scratch.ahead.next = picks.iter().map(|pick| pick.share).filter(greater).min();
        point
    } else if is_sticky {
        // Another number than the one that picks, or some would be let in last by whoever picks them.
        let client = eval.hash_client();
        (client.wrapping_mul(0x9E37_79B1) >> 24) as u16
    } else {
        eval.draw(u64::from(Verdict::WHOLE)) as u16
    };
    let last = picks.last().map_or(0, |pick| pick.tier);
    for tier in 0..=last {
        let of_tier = picks.iter().filter(|pick| pick.tier == tier && point < pick.share);
        eval.scratch.chosen.extend(of_tier.map(|pick| pick.member));
        if !eval.scratch.chosen.is_empty() {
            return;
        }
    }
    // All of them are on their way back, and there is nobody else.
    eval.scratch.chosen.extend(picks.iter().filter(first).map(|pick| pick.member));
}
