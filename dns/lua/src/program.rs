//! A compiled program.

use std::fmt;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use halfmoon_healthcheck::{CheckId, Handle, Member, PoolId, Rate, Snapshot};
use halfmoon_wire::{NameBuf, Type};

use crate::Defaults;
use crate::binder::Held;
use crate::budget::Budget;
use crate::call::HealthCall;
use crate::eval::{Bound, Item};
use crate::globals::Variable;
use crate::include::Include;
use crate::plan::Plan;

/// About how many octets a check takes: itself, what is known of it, and who holds it.
const CHECK: usize = 2048;
/// About how many a program takes that does nothing, with what is known of it to whoever compiles.
const OWN: usize = 768;
/// About how many a call takes that was bound at load, without what it chooses from.
const SITE: usize = 512;
/// About how many the branches of a plan take.
const PLAN: usize = 128;

/// A program, compiled at load and shared by all records of the same type and text.
///
/// While it lives, the checks it names are carried out. Dropping the last reference ends them and
/// takes a lock for a moment: not for the query path.
#[derive(Debug)]
pub struct Program {
    /// Tells programs apart in the caches of machines; never used twice.
    pub(crate) id: u64,
    pub(crate) inner: Type,
    pub(crate) defaults: Arc<Defaults>,
    pub(crate) body: Body,
    /// Calls bound at load, by the number that stands in their place.
    pub(crate) sites: Vec<Box<dyn Bound>>,
    /// Where these calls stand in the text.
    pub(crate) spans: Box<[Range<u32>]>,
    /// Its text, for people.
    pub(crate) text: Box<str>,
    pub(crate) held: Held,
    pub(crate) handles: Vec<Handle>,
    /// What stands at the names it includes, directly or not.
    pub(crate) includes: Vec<(NameBuf, Arc<Include>)>,
    pub(crate) budgets: Box<[Budget]>,
    /// Addresses in its text that it cannot answer with, and where they stand.
    pub(crate) foreign: Box<[(usize, IpAddr)]>,
    pub(crate) calls: Box<[HealthCall]>,
    /// Whether it asks for the health of lists that it computes.
    pub(crate) computes: bool,
    /// Addresses that may get into lists that it computes.
    pub(crate) mentioned: Box<[IpAddr]>,
}

/// What there is to run.
#[derive(Debug)]
pub(crate) enum Body {
    Plan(Plan),
    Code {
        bytecode: Box<[u8]>,
        /// What the program is called with.
        variables: Vec<Variable>,
        /// Whether it may leave globals behind.
        assigns: bool,
    },
    /// Refused at load, where the dialect wants it served all the same. Why.
    Faulty(String),
}

impl Program {
    /// Pools of one program that answers are counted of.
    pub const MOST_COUNTED: u32 = u64::BITS;

    /// The type of the records it returns.
    #[must_use]
    pub const fn inner(&self) -> Type {
        self.inner
    }

    /// Whether it runs without entering Lua.
    #[must_use]
    pub const fn is_plan(&self) -> bool {
        matches!(self.body, Body::Plan(_))
    }

    /// Whether it was refused at load, and fails whenever it runs.
    #[must_use]
    pub const fn is_faulty(&self) -> bool {
        matches!(self.body, Body::Faulty(_))
    }

    /// The checks whose verdicts it may read, as far as its text names them.
    pub fn checks(&self) -> impl ExactSizeIterator<Item = CheckId> {
        self.handles.iter().map(Handle::id)
    }

    /// What the account of its checks is charged for: each check with what it comes to, those of what
    /// it includes among them. The same check may come more than once.
    pub fn charges(&self) -> impl Iterator<Item = (CheckId, Rate)> {
        let included = self.includes.iter().flat_map(|(_, include)| &include.handles);
        self.handles.iter().chain(included).flat_map(|handle| handle.charges()).copied()
    }

    /// About how many octets of memory it takes, with the checks that it holds.
    #[must_use]
    pub fn size(&self) -> usize {
        let octets = match &self.body {
            Body::Plan(_) => PLAN,
            Body::Code { bytecode, .. } => bytecode.len(),
            Body::Faulty(why) => why.len(),
        };
        let item = |item: &Item| {
            size_of::<Item>() + item.text.len() + item.rdata.as_ref().map_or(0, |rdata| rdata.len())
        };
        let sites: usize =
            self.sites.iter().map(|site| SITE + site.items().iter().map(item).sum::<usize>()).sum();
        let include = |(_, include): &(NameBuf, Arc<Include>)| {
            let chunks: usize = include.chunks.iter().map(|chunk| chunk.bytecode.len()).sum();
            size_of::<Include>() + chunks + include.handles.len() * CHECK
        };
        OWN + size_of::<Self>()
            + octets
            + self.text.len()
            + size_of_val(&*self.spans)
            + sites
            + self.handles.len() * CHECK
            + size_of_val(&*self.mentioned)
            + self.includes.iter().map(include).sum::<usize>()
    }

    /// The pools it answers from, as far as its text names them.
    pub fn pools(&self) -> impl Iterator<Item = PoolId> {
        self.sites.iter().filter_map(|site| site.pool()).map(|(_, pool)| pool)
    }

    /// Whether it runs without entering Lua and mostly says one string that is known beforehand:
    /// [`crate::Machine::one`] is worth asking then.
    #[must_use]
    pub fn says_one(&self) -> bool {
        matches!(&self.body, Body::Plan(plan) if plan.says_one(self))
    }

    /// Whether it is a plan that mostly says the same to whoever asks as long as health is the same.
    /// [`crate::Answers::depends_on_health_alone`] says whether it did.
    #[must_use]
    pub fn is_by_health(&self) -> bool {
        self.is_plan() && self.sites.iter().all(|site| site.is_by_health())
    }

    /// A number that is another one as soon as any of these pools answers something else. `None` if it
    /// calls anything beside, or one of them is not on the board.
    #[must_use]
    pub fn pools_change(&self, health: &Snapshot) -> Option<u64> {
        self.sites.iter().try_fold(0, |last: u64, site| {
            let change = health.pool_change(site.pool()?.1)?;
            Some(change.max(last))
        })
    }

    /// The numbers of those of them that [`crate::Answers::chose`] tells apart.
    pub fn counted_pools(&self) -> impl Iterator<Item = u32> {
        let numbers = self.sites.iter().filter_map(|site| site.pool()).map(|(number, _)| number);
        numbers.filter(|number| *number < Self::MOST_COUNTED)
    }

    /// What it chooses from without having it checked, list by list, as far as its text names it:
    /// the addresses, and whether they are all there is in the list.
    pub fn choices(&self) -> impl Iterator<Item = (&Arc<[Member]>, bool)> {
        self.sites.iter().filter_map(|site| site.choice())
    }

    /// Those that may be in lists that it computes, as far as its text names them. Some may be in lists
    /// that stand in the text as well.
    pub fn computed(&self) -> impl Iterator<Item = Member> {
        let included = self.includes.iter().flat_map(|(_, include)| &include.handles);
        let handles = self.handles.iter().filter(|_| self.computes).chain(included);
        let checked = handles.filter_map(|h| Some((h.check().address()?, Some(h.id()))));
        let unchecked = self.mentioned.iter().map(|address| (*address, None));
        checked.chain(unchecked).map(|(address, check)| {
            let labels = self.defaults.labels.of(address);
            Member { address, weight: 1, check, named: None, labels }
        })
    }

    /// How long failovers take, of each of its calls by health, as far as that is known at load.
    #[must_use]
    pub fn budgets(&self) -> &[Budget] {
        &self.budgets
    }

    /// Its text, a leading `;` included.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A call that was bound at load, as it is written.
    pub(crate) fn site_text(&self, site: usize) -> &str {
        let span = self.spans.get(site);
        span.and_then(|span| self.text.get(span.start as usize..span.end as usize)).unwrap_or("?")
    }

    /// Addresses in its text that records of its type cannot carry, each with its offset.
    #[must_use]
    pub fn foreign(&self) -> &[(usize, IpAddr)] {
        &self.foreign
    }

    /// Its calls by health as they stand in its text, in that order.
    #[must_use]
    pub fn health_calls(&self) -> &[HealthCall] {
        &self.calls
    }

    /// What it is, for people: `plan, 2 call sites, 4 checks`.
    #[must_use]
    pub fn describe(&self) -> impl fmt::Display + '_ {
        Description(self)
    }
}

struct Description<'a>(&'a Program);

impl fmt::Display for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = self.0;
        match &program.body {
            Body::Plan(_) => f.write_str("plan")?,
            Body::Code { bytecode, .. } => write!(f, "{} octets of bytecode", bytecode.len())?,
            Body::Faulty(why) => return write!(f, "faulty: {why}"),
        }
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let (sites, checks) = (program.sites.len(), program.handles.len());
        write!(f, ", {sites} call site{}, {checks} check{}", plural(sites), plural(checks))
    }
}
