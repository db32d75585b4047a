//! What is made of a zone that was read: programs, signatures, and what is wrong with them.

use std::sync::Arc;

use halfmoon_dnssec::{Presigned, Verify};
use halfmoon_geo::Attributes;
use halfmoon_healthcheck::Health;
use halfmoon_lua::{Budget, Compiler, Defaults, Dialect, Program, Settings};
use halfmoon_wire::{Name, NameBuf, Type};
use halfmoon_zones::{
    Addition, Attach, Candidate, Companion, Draft, Fault, Fresh, Hosted, Level, Loaded,
    MOST_OCTETS, MostRecords, Place, ProgramSource, UNREADABLE, Zone,
};

use super::budgets::{self, Budgets};
use super::holding::Guard;
use super::judge;
use super::serials::Serials;
use crate::columns::Counts;
use crate::config::{DnssecConfig, GuardsConfig, Rules, ZoneFault, ZoneHealth};
use crate::expect::{Coming, Examiner, NOT_RUN, Subject, Tests};
use crate::last_good;
use crate::shared::{Programs, Served, Zones};
use crate::signing::{NO_KEYS, Signing, date};
use crate::tenants::{TenantId, Tenants, Usage};

/// How many signatures of zones that come signed one load verifies: a second or two, once for each.
const MOST_VERIFIED: usize = 40_000;

/// Compiles the programs of zones as they are loaded.
#[derive(Debug)]
pub struct Compile {
    compiler: Compiler,
    /// What holds of records where their zone says nothing.
    defaults: Arc<Defaults>,
    pub(super) signing: Option<Signing>,
    /// How long failovers take, if anybody wants to know.
    budgets: Option<Vec<ZoneBudgets>>,
    /// How grave what is found is.
    rules: Rules,
    /// Which zones are to be signed.
    dnssec: DnssecConfig,
    /// The serials of zones, if they do not come from their files.
    pub(super) serials: Option<Serials>,
    /// Whether a program that fails has nothing said in its place (as in PowerDNS).
    is_final: bool,
    /// How many signatures a load verifies, and how many this one may still.
    pub(super) verified: (usize, usize),
    /// What holds changes of a folder, if anything does.
    pub(super) guard: Option<Guard>,
    /// Threads that will run programs.
    threads: usize,
    /// Where the queries of zones are counted.
    counts: Counts,
    /// Who runs the tests beside zones, if they are run.
    examiner: Option<Examiner>,
    /// Who owns which zones, and whose zones these are.
    tenants: Arc<Tenants>,
    tenant: Option<TenantId>,
    /// What zones of tenants take up in the load at hand.
    taken: Budgets,
    health: Health,
}

impl Compile {
    /// Compiles with these settings; checks are acquired from `health`.
    #[must_use]
    pub fn new(settings: Settings, health: Health) -> Self {
        let is_final = settings.dialect == Dialect::PowerDns;
        let defaults = Arc::clone(&settings.defaults);
        let compiler = Compiler::new(settings, health.clone());
        Self {
            compiler,
            defaults,
            signing: None,
            budgets: None,
            rules: Rules::default(),
            dnssec: DnssecConfig::default(),
            serials: None,
            is_final,
            verified: (MOST_VERIFIED, MOST_VERIFIED),
            guard: None,
            threads: 1,
            counts: Counts::new(1),
            examiner: None,
            tenants: Arc::default(),
            tenant: None,
            taken: Budgets::default(),
            health,
        }
    }

    /// Verifies all signatures of zones that come signed, however long that takes.
    #[must_use]
    pub fn verifying_all(self) -> Self {
        Self { verified: (usize::MAX, usize::MAX), ..self }
    }

    /// For so many threads that run programs, each of which counts by itself.
    #[must_use]
    pub fn threads(self, threads: usize) -> Self {
        Self { threads, counts: Counts::new(threads), ..self }
    }

    /// Notes how long failovers take, too.
    #[must_use]
    pub fn with_budgets(self) -> Self {
        Self { budgets: Some(Vec::new()), ..self }
    }

    /// How long failovers take in the zones that were read, refused ones among them.
    #[must_use]
    pub fn into_budgets(self) -> Vec<ZoneBudgets> {
        self.budgets.unwrap_or_default()
    }

    /// Judges what is found by these rules.
    #[must_use]
    pub fn rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// Knows which zones are to be signed.
    #[must_use]
    pub fn dnssec(self, dnssec: DnssecConfig) -> Self {
        Self { dnssec, ..self }
    }

    /// Looks at the zones that were read together with all others.
    pub fn look_across(&self, loaded: &mut Loaded<Served>) {
        let Loaded { catalog, reports, .. } = loaded;
        judge::across(catalog, reports, &self.rules, judge::Signs(&self.dnssec));
    }

    /// Knows what the databases know of places from now on.
    pub(super) fn know(&mut self, places: Attributes) {
        self.compiler.with_places(places);
    }

    /// A load begins: there are all the signatures to verify again that one may, and nothing counts of one that was
    /// refused.
    pub(super) fn begin(&mut self) {
        self.verified.1 = self.verified.0;
        if let Some(signing) = &mut self.signing {
            signing.begin();
        }
    }

    /// What is read from now on is of this version of all zones, a commit.
    pub fn look_at(&mut self, version: &str) {
        if let Some(examiner) = &mut self.examiner {
            examiner.look_at(version);
        }
    }

    /// What the server begins with is there: from now on tests beside zones refuse them.
    pub fn has_begun(&mut self) {
        if let Some(examiner) = &mut self.examiner {
            examiner.be_strict();
        }
    }

    /// Runs the tests beside zones, too.
    #[must_use]
    pub fn examining(self, examiner: Examiner) -> Self {
        Self { examiner: Some(examiner), ..self }
    }

    /// Knows who owns which zones, and that these come from a place of this tenant; `None`: of the operator.
    #[must_use]
    pub fn tenants(self, tenants: Arc<Tenants>, tenant: Option<TenantId>) -> Self {
        Self { tenants, tenant, ..self }
    }

    /// Holds changes that take away what these guards are set on; of the tenant that it knows of.
    #[must_use]
    pub fn guarded(self, guards: Option<GuardsConfig>) -> Self {
        let tenant = self.tenant.map(|tenant| self.tenants.name(tenant));
        let guard = guards.map(|guards| Guard::new(guards, tenant));
        Self { guard, ..self }
    }

    /// Whether some of what would be served has to be read once more before it is, since what it tells of has changed
    /// in the same load.
    pub(super) fn is_to_read_again(&mut self, served: &Zones, coming: &Zones) -> bool {
        self.signing.as_mut().is_some_and(|signing| signing.look_ahead(served, coming))
    }

    /// Which zones the next load may test.
    pub(super) fn expect_tests(&mut self, coming: Coming) {
        if let Some(examiner) = &mut self.examiner {
            examiner.expect(coming);
        }
    }

    /// How many zones a load has left untested that are to be tested in another one soon.
    pub(super) fn late_tests(&mut self) -> usize {
        self.examiner.as_mut().map_or(0, Examiner::waiting)
    }

    /// How many tests were run so far.
    #[must_use]
    pub fn tests_run(&self) -> usize {
        self.examiner.as_ref().map_or(0, Examiner::ran)
    }

    /// Signs zones, too.
    #[must_use]
    pub fn signing(self, signing: Option<Signing>) -> Self {
        Self { signing, ..self }
    }

    /// What holds of the records of a zone with these settings beside it.
    fn defaults(&self, companion: Option<&Companion>, faults: &mut Vec<Fault>) -> Arc<Defaults> {
        let Some(companion) = companion else {
            return Arc::clone(&self.defaults);
        };
        match ZoneHealth::parse(&companion.text) {
            Ok(zone) => Arc::new(zone.defaults(&self.defaults)),
            Err(wrong) => {
                note(wrong, "zone-settings", companion, faults);
                Arc::clone(&self.defaults)
            }
        }
    }

    /// Runs the tests beside a zone, unless something else is wrong with it already.
    fn examine(&mut self, companion: &Companion, subject: Subject<'_>, faults: &mut Vec<Fault>) {
        match Tests::parse(&companion.text, subject.zone.apex()) {
            Ok(tests) => {
                let is_right = faults.iter().all(|fault| fault.level != Level::Error);
                if let Some(examiner) = self.examiner.as_mut().filter(|_| is_right) {
                    examiner.examine(subject, &tests, companion.file, faults);
                }
            }
            Err(wrong) => note(wrong, "zone-tests", companion, faults),
        }
    }
}

/// Keeps the first fault of each of these rules: once a budget is spent, all that comes after it is too much.
fn tell_once(faults: &mut Vec<Fault>, rules: &[&'static str]) {
    let mut told = Vec::new();
    faults.retain(|fault| {
        if !rules.contains(&fault.rule) {
            return true;
        }
        let is_first = !told.contains(&fault.rule);
        told.push(fault.rule);
        is_first
    });
}

/// Whether a fault may be over without any change of the zone's files.
pub(super) fn may_pass(fault: &Fault) -> bool {
    fault.rule == UNREADABLE || fault.rule == NO_KEYS || fault.rule == NOT_RUN
}

/// Puts what is wrong with a file beside a zone among the faults.
fn note(wrong: Vec<ZoneFault>, rule: &'static str, file: &Companion, faults: &mut Vec<Fault>) {
    faults.extend(wrong.into_iter().map(|ZoneFault { line, column, message }| {
        Fault::error(rule, Place { file: file.file, line, column }, message)
    }));
}

/// How long failovers take in a zone.
#[derive(Debug)]
pub struct ZoneBudgets {
    /// The zone.
    pub apex: NameBuf,
    /// The records by health, each with its owner, its program, and the budget of its slowest call.
    pub records: Vec<(NameBuf, ProgramSource, Budget)>,
}

impl ZoneBudgets {
    fn of(apex: Name<'_>, programs: &[(NameBuf, ProgramSource)], compiled: &[Compiled]) -> Self {
        let slowness =
            |budget: &Budget| (!budget.is_met(), budget.total().is_none(), budget.total());
        let records = programs.iter().zip(compiled).filter_map(|((owner, source), program)| {
            // What is there to be included is told where it is.
            let program = program.as_ref().filter(|_| source.inner != Type::LUA)?;
            let slowest = program.budgets().iter().max_by_key(|budget| slowness(budget))?;
            Some((*owner, source.clone(), slowest.clone()))
        });
        Self { apex: apex.to_buf(), records: records.collect() }
    }
}

type Compiled = Option<Arc<Program>>;

impl Attach<Served> for Compile {
    fn stamp(&self, apex: Name<'_>) -> u64 {
        let forced = self.guard.as_ref().map_or(0, |guard| guard.stamp(apex));
        self.signing.as_ref().map_or(0, |signing| signing.stamp(apex)).wrapping_add(forced)
    }

    fn may_add(&self, apex: Name<'_>) -> bool {
        self.signing.as_ref().is_some_and(|signing| signing.signs(apex))
    }

    fn additions(&mut self, draft: &Draft<'_>) -> Vec<Addition> {
        let is_here = self.tenants.admit(self.tenant, draft.apex()).is_ok();
        // No keys are made for a zone because somebody writes a file of it who does not own it.
        let signing = self.signing.as_mut().filter(|_| is_here);
        signing.map_or_else(Vec::new, |signing| signing.additions(draft))
    }

    fn serial(&mut self, draft: &Draft<'_>) -> Option<u32> {
        // Its signatures hold for the serial of the file alone.
        let serials = self.serials.as_mut().filter(|_| !draft.is_signed())?;
        Some(serials.propose(draft.apex()))
    }

    fn may_go(&self, zone: &Hosted<Served>) -> bool {
        self.guard.as_ref().is_none_or(|guard| guard.may_go(zone.zone.apex()))
    }

    fn attach(&mut self, fresh: &Fresh<'_, Served>, faults: &mut Vec<Fault>) -> Served {
        let served = match self.tenants.admit(self.tenant, fresh.zone.apex()) {
            Ok(tenant) => {
                let served = self.serve_for(tenant, fresh, faults);
                if let Some(tenant) = tenant {
                    self.tenants.count_in(tenant, served.counts());
                }
                Served { tenant, account: self.tenants.account(tenant).cloned(), ..served }
            }
            // Nothing of it runs, and nothing that it names is probed.
            Err(foreign) => {
                faults.push(foreign.fault());
                Served::default()
            }
        };
        self.rules.apply(faults);
        let is_right = faults.iter().all(|fault| fault.level != Level::Error);
        if let Some(guard) = self.guard.as_ref().filter(|_| is_right) {
            let before = fresh.before.map(|before| &before.zone);
            faults.extend(guard.fault(fresh.zone, before, self.signing.as_ref()));
        }
        served
    }

    fn start(
        &mut self,
        stay: &mut dyn Iterator<Item = &Hosted<Served>>,
        before: &mut dyn Iterator<Item = &Hosted<Served>>,
    ) {
        self.taken.begin(&self.tenants, stay, before);
        if let Some(examiner) = &mut self.examiner {
            examiner.begin();
        }
    }

    fn most_records(&self, apex: Name<'_>) -> Option<MostRecords> {
        // What a tenant writes is held to what it may have, whatever zone it says it is.
        let tenant = self.tenant.or_else(|| self.tenants.owner(apex))?;
        self.taken.most_records(&self.tenants, tenant, apex)
    }

    fn most_octets(&self) -> u64 {
        // A text is in memory while it is read.
        let budget = self.tenant.and_then(|tenant| self.tenants.budget(tenant)?.memory);
        budget.map_or(MOST_OCTETS, |memory| memory.min(MOST_OCTETS))
    }

    fn depends_on_others(&self, fault: &Fault) -> bool {
        budgets::is_of_budget(fault)
    }

    fn may_pass(&self, fault: &Fault) -> bool {
        may_pass(fault)
    }

    fn has_read(&mut self, zone: &Zone, programs: &[(NameBuf, ProgramSource)]) {
        // What is refused anyway takes nothing from whose it is.
        match self.tenants.admit(self.tenant, zone.apex()) {
            Ok(tenant) => {
                if let Some(tenant) = tenant {
                    self.taken.has_read(tenant, zone, programs);
                }
            }
            Err(_) => self.holds(zone, programs),
        }
    }

    fn holds(&mut self, zone: &Zone, programs: &[(NameBuf, ProgramSource)]) {
        if let Some(tenant) = self.tenant.or_else(|| self.tenants.owner(zone.apex())) {
            self.taken.holds(tenant, zone, programs);
        }
    }

    fn judge(&mut self, candidates: &mut [Candidate<Served>]) {
        self.taken.judge(&self.tenants, candidates);
    }
}

impl Compile {
    /// What is kept beside a zone of a tenant, as far as there is room for it; `None`: of the operator's.
    fn serve_for(
        &mut self,
        tenant: Option<TenantId>,
        fresh: &Fresh<'_, Served>,
        faults: &mut Vec<Fault>,
    ) -> Served {
        let tenants = Arc::clone(&self.tenants);
        self.compiler.set_account(tenants.account(tenant));
        let Some((tenant, budget)) = tenant.and_then(|id| Some((id, tenants.budget(id)?))) else {
            return self.serve(fresh, None, faults);
        };
        self.taken.enter(tenant, budget, &self.health);
        let (apex, programs) = (fresh.zone.apex(), fresh.programs);
        if let Some(fault) = self.taken.too_many_programs(&tenants, tenant, apex, programs) {
            faults.push(fault);
            return Served::default();
        }
        let most = self.taken.most_compiled(&tenants, tenant, fresh);
        let served = self.serve(fresh, most, faults);
        tell_once(faults, &["tenant-checks", "tenant-probes"]);
        let usage = budget.limits_zones().then(|| Usage::of(fresh.zone, &served.programs));
        let is_right = faults.iter().all(|fault| fault.level != Level::Error);
        self.taken.has_compiled(tenant, fresh, usage.as_ref().filter(|_| is_right));
        Served { usage: usage.map(Arc::new), ..served }
    }

    /// What is kept beside a zone; its programs may take so many octets, or this is wrong.
    fn serve(
        &mut self,
        fresh: &Fresh<'_, Served>,
        most: Option<(usize, Fault)>,
        faults: &mut Vec<Fault>,
    ) -> Served {
        let Fresh { zone, programs, before, companions } = *fresh;
        let defaults = self.defaults(companions.settings.as_ref(), faults);
        if let Some(presigned) = self.presigned(fresh, faults) {
            if let Some(tests) = &companions.tests {
                let subject = Subject { zone, programs: &[], defaults: &defaults, account: None };
                self.examine(tests, subject, faults);
            }
            // What its programs made could not be signed: they are not run.
            let queries = Arc::new(self.counts.take());
            return Served { presigned: Some(presigned), queries, ..Served::default() };
        }
        self.compiler.set_defaults(Arc::clone(&defaults));
        let (most, excess) = most.map_or((usize::MAX, None), |(most, fault)| (most, Some(fault)));
        let compiled = self.compiler.compile_within(most, zone.apex(), programs, faults);
        if let Some((excess, (_, first))) = excess.zip(programs.get(compiled.len())) {
            faults.push(Fault { place: first.place(0), ..excess });
            return Served::default();
        }
        if let Some(tests) = &companions.tests {
            let tenants = Arc::clone(&self.tenants);
            let account = tenants.account(tenants.owner(zone.apex()));
            self.examine(tests, Subject { zone, programs, defaults: &defaults, account }, faults);
        }
        if let Some(budgets) = &mut self.budgets {
            budgets.push(ZoneBudgets::of(zone.apex(), programs, &compiled));
        }
        judge::twins(zone, programs, &compiled, faults);
        let claims = judge::claims(programs, &compiled);
        let with_last_good = programs.iter().zip(compiled).map(|((owner, _), program)| {
            let runs = program.as_ref().filter(|program| !program.is_plan() && !self.is_final);
            let last_good =
                runs.map(|program| last_good::inherited(before, owner.as_name(), program));
            (program, last_good)
        });
        let places = programs.iter().map(|(_, source)| source.place(0));
        let programs = Programs::new(with_last_good, self.threads).at(places);
        let before =
            before.and_then(|hosted| Some((&hosted.zone, &**hosted.beside.signed.as_ref()?)));
        let signed = self.signing.as_mut().and_then(|signing| signing.sign(zone, before, faults));
        let queries = Arc::new(self.counts.take());
        Served { programs, signed, claims, queries, ..Served::default() }
    }

    /// What a zone that comes signed brings along; `None` of another.
    fn presigned(
        &mut self,
        fresh: &Fresh<'_, Served>,
        faults: &mut Vec<Fault>,
    ) -> Option<Presigned> {
        let before =
            fresh.before.and_then(|hosted| Some((&hosted.zone, hosted.beside.presigned.as_ref()?)));
        let (all, left) = self.verified;
        // No zone takes all from those that come after it.
        let most = if all == usize::MAX { all } else { left / 2 };
        let presigned = Presigned::of(fresh.zone, date(), Verify { most, before }, faults)?;
        self.verified.1 = left.saturating_sub(presigned.verified());
        Some(presigned)
    }
}
