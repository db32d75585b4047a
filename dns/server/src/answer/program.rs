//! Runs the programs of a node and writes what they return.

use std::sync::Arc;
use std::time::Instant;

use halfmoon_geo::Geo;
use halfmoon_healthcheck::{Health, Snapshot};
use halfmoon_lua::{Client, Context, Failure, Note};
use halfmoon_wire::{ExtendedError, Mark, Name, NameBuf, Owner, Rcode, Section, Type};
use halfmoon_zones::{Hosted, Node, ProgramRef};

use super::{Asked, Turn};
use crate::ready::Records;
use crate::shared::{ProgramEntry, Served, Zones};

/// How many programs are run for one query. Bounds its work: each of them has a budget of its own,
/// and thousands may stand at one name.
pub(super) const MOST_PROGRAMS: u32 = 64;

/// What the programs of a node made.
#[expect(clippy::large_enum_variant, reason = "a box would allocate on the query path")]
pub(super) enum Computed {
    /// No records.
    Nothing,
    /// Records, which are written.
    Records,
    /// A CNAME to this name, which is written.
    Alias(NameBuf),
    /// Records that do not fit into the reply.
    Full,
    /// No records: a program says that there is no such name.
    Denied,
    /// No records, because a program failed.
    Failed(ExtendedError),
}

impl<'a> Turn<'_, 'a> {
    /// Runs the programs that make CNAMEs; the first record counts.
    pub(super) fn run_alias(
        &mut self,
        hosted: &'a Hosted<Served>,
        node: Node<'a>,
        asked: Asked<'_>,
    ) -> Computed {
        let mut failed = None;
        let mut denied = false;
        for program in node.programs().filter(|program| program.inner == Type::CNAME) {
            self.answers.clear();
            if let Err(failure) = self.run(hosted, node, program, asked) {
                failed = Some(failure);
                continue;
            }
            denied |= self.answers.denies_name();
            let Some(rdata) = self.answers.rdatas().next() else {
                continue;
            };
            let Ok(target) = Name::from_wire(rdata) else {
                continue;
            };
            let target = target.to_buf();
            // Of several the first counts: there is one CNAME (RFC 2181 section 10.1).
            self.answers.keep_first();
            let ttl = self.answers.ttl().unwrap_or(program.ttl);
            return match self.write_computed(asked, Type::CNAME, ttl) {
                Computed::Full => {
                    self.reply.truncated();
                    Computed::Records
                }
                _ => Computed::Alias(target),
            };
        }
        match failed {
            Some(failure) => Computed::Failed(self.explain(failure)),
            None if denied => Computed::Denied,
            None => Computed::Nothing,
        }
    }

    /// Answers with the RRset of a type: the records of the zone, and what programs add to them.
    ///
    /// Whoever made its parts, it is one RRset: no record is in it twice (RFC 2181 section 5), it has
    /// one TTL, the least of them (section 5.2), and it is written whole or not at all.
    pub(super) fn computed_set(
        &mut self,
        hosted: &'a Hosted<Served>,
        node: Node<'a>,
        asked: Asked<'_>,
        rtype: Type,
    ) -> Computed {
        // What a zone says of itself is not for programs to make, as in PowerDNS.
        let runs = |program: &ProgramRef| program.inner == rtype && rtype != Type::SOA;
        let mut programs = node.programs().filter(runs);
        let (first, mut second) = (programs.next(), programs.next());
        let entry = |program: ProgramRef| hosted.beside.programs.entry(program.number);
        let alone = first.filter(|_| second.is_none() && self.may_be_ready(asked, rtype));
        let alone = alone.and_then(|program| Some((program, entry(program)?)));
        let sole = alone.filter(|(_, entry)| entry.may_be_ready).map(|(program, _)| program);
        if let Some((program, entry)) = alone
            && (entry.may_be_ready && self.say_ready(hosted, program)
                || entry.says_one
                    && node.set(rtype).is_none()
                    && self.say_one(hosted, node, (program, entry)))
        {
            return Computed::Records;
        }
        self.answers.clear();
        let fixed = node.set(rtype);
        let mut ttl = fixed.map_or(u32::MAX, |set| set.ttl());
        for rdata in fixed.into_iter().flat_map(|set| set.rdatas()) {
            self.answers.add(rdata);
        }
        let (mut failed, mut denied) = (None, false);
        let mut next = first;
        while let Some(program) = next {
            next = second.take().or_else(|| programs.next());
            self.answers.begin();
            let before = self.answers.len();
            match self.run(hosted, node, program, asked) {
                Ok(()) => {
                    denied |= self.answers.denies_name();
                    if self.answers.len() > before {
                        ttl = ttl.min(self.answers.ttl().unwrap_or(program.ttl));
                    }
                }
                Err(failure) => failed = Some(failure),
            }
        }
        match failed {
            Some(failure) if self.answers.is_empty() || self.policy.failure_is_final() => {
                Computed::Failed(self.explain(failure))
            }
            _ if !self.answers.is_empty() => {
                let mark = self.reply.mark();
                let computed = self.write_computed(asked, rtype, ttl);
                if let (Some(program), None, Computed::Records) = (sole, failed, &computed) {
                    self.keep_ready(hosted, program, mark);
                }
                computed
            }
            _ if denied => Computed::Denied,
            _ => Computed::Nothing,
        }
    }

    /// Whether an answer may be one that is ready: it would be written as it was then, and nobody wants to know
    /// how it comes about.
    fn may_be_ready(&self, asked: Asked<'_>, rtype: Type) -> bool {
        matches!(asked, Asked::Question)
            && !rtype.has_compressible_names()
            && self.signer.is_none()
            && self.trail.is_none()
            && !self.is_aside
            && self.programs_left > 0
    }

    /// Answers as the last time, if the program would say the same. Whether it did.
    fn say_ready(&mut self, hosted: &'a Hosted<Served>, program: ProgramRef) -> bool {
        let programs = &hosted.beside.programs;
        let key = self.ready.key(hosted, program.number);
        let entry = programs.entry(program.number);
        let code = || entry?.program.as_deref();
        let Some(records) = self.ready.find(key, self.health, code) else {
            return false;
        };
        if self.reply.ready(Section::Answer, records.count, records.octets).is_err() {
            return false;
        }
        self.programs_left -= 1;
        if let Some(entry) = entry {
            programs.count(entry, records.chose, self.lane);
        }
        true
    }

    /// Answers with the one string that a program says, if it says one and it fits. Whether it did.
    fn say_one(
        &mut self,
        hosted: &'a Hosted<Served>,
        node: Node<'a>,
        (program, entry): (ProgramRef, &'a ProgramEntry),
    ) -> bool {
        let Some(code) = entry.program.as_deref().filter(|_| entry.last_good.is_none()) else {
            return false;
        };
        let known = (self.zones, self.geo, self.health, self.requests);
        let client = self.client();
        let context = context(self.question.name, (hosted, node), &client, known);
        let Some(one) = self.machine.one(code, &context) else {
            return false;
        };
        let kind = (program.inner, one.ttl.unwrap_or(program.ttl));
        if self.reply.record(Section::Answer, Owner::Question, kind, one.rdata).is_err() {
            return false;
        }
        self.programs_left -= 1;
        hosted.beside.programs.count(entry, one.chose, self.lane);
        if client.ecs.is_some() {
            self.reply.widen_scope(one.scope);
        }
        true
    }

    /// Keeps the RRset that was written since `mark`, if it is the same for everybody until health changes.
    fn keep_ready(&mut self, hosted: &'a Hosted<Served>, program: ProgramRef, mark: Mark) {
        if !self.answers.depends_on_health_alone() {
            return;
        }
        let entry = hosted.beside.programs.entry(program.number);
        let Some(code) = entry.and_then(|entry| entry.program.as_ref()) else { return };
        let (octets, count) = self.reply.since(mark, Section::Answer);
        let records = Records { octets, count, chose: self.answers.chose() };
        let key = self.ready.key(hosted, program.number);
        self.ready.keep(key, self.health, code, records);
    }

    /// Writes the records in `answers` as one RRset, whole or not at all.
    fn write_computed(&mut self, asked: Asked<'_>, rtype: Type, ttl: u32) -> Computed {
        let mark = self.reply.mark();
        let owner = self.owner(asked);
        for rdata in self.answers.rdatas() {
            if self.reply.record(Section::Answer, owner, (rtype, ttl), rdata).is_err() {
                self.reply.rewind(mark);
                return Computed::Full;
            }
        }
        if let Some(trail) = &mut self.trail {
            let name = match asked {
                Asked::Question => self.question.name,
                Asked::Target(target) => target.as_name(),
            };
            trail.computed(name, rtype, ttl, self.answers.rdatas());
        }
        if !self.sign_computed(asked, rtype, ttl) {
            self.reply.rewind(mark);
            return Computed::Full;
        }
        Computed::Records
    }

    /// Runs one program, which adds to the records in `answers`.
    fn run(
        &mut self,
        hosted: &'a Hosted<Served>,
        node: Node<'a>,
        program: ProgramRef,
        asked: Asked<'_>,
    ) -> Result<(), Failure> {
        let entry = hosted.beside.programs.entry(program.number).ok_or(Failure::Internal)?;
        let code = entry.program.as_ref().ok_or(Failure::Faulty)?;
        let known = (self.zones, self.geo, self.health, self.requests);
        let client = self.client();
        let context = context(self.name(asked), (hosted, node), &client, known);
        // A plan costs hardly more than a record of the zone: only what enters Lua is paid for.
        let is_paid = !code.is_plan() && !self.policy.limits.exempts(self.source.address);
        let mut purses = self.program_purses.as_deref_mut().filter(|_| is_paid);
        if purses.as_mut().is_some_and(|purses| purses.of(self.source, self.now).is_empty()) {
            self.has_spent = true;
            let last_good = entry.last_good.as_deref();
            if !last_good.is_some_and(|last| last.say(self.answers, program.ttl)) {
                return Err(Failure::Time);
            }
            self.reply.extended_error(ExtendedError::STALE_ANSWER);
            return Ok(());
        }
        let runs = self.programs_left > 0;
        let result = if runs {
            self.programs_left -= 1;
            let started = purses.is_some().then(Instant::now);
            let result = match &mut self.trail {
                None => self.machine.run(code, &context, self.answers),
                Some(trail) => {
                    let (result, story) =
                        self.machine.tell(code, &context, self.answers, trail.telling);
                    trail.program((hosted, node), (program, entry), self.answers, (result, story));
                    if let (Err(_), Some(run)) = (result, trail.last_run()) {
                        run.detail = self.machine.detail().to_owned();
                    }
                    result
                }
            };
            if let (Some(purses), Some(started)) = (purses, started) {
                let time = u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX);
                purses.of(self.source, self.now).spend(time.max(1));
            }
            result
        } else {
            Err(Failure::Fuel)
        };
        if result.is_ok() && !self.is_aside {
            hosted.beside.programs.count(entry, self.answers.chose(), self.lane);
        }
        if client.ecs.is_some() {
            self.reply.widen_scope(self.answers.scope());
        }
        // What the machine says is of a run before, if this program did not run.
        let (notes, detail) = match runs {
            true => (self.machine.notes(), self.machine.detail()),
            false => (&[][..], "too many programs ran for the query before"),
        };
        if !notes.is_empty() && !self.is_aside && entry.notes.add(self.now).is_some() {
            for note in notes {
                log(note, hosted, node);
            }
        }
        let last_good = entry.last_good.as_deref();
        let Err(failure) = result else {
            if let Some(last_good) = last_good.filter(|_| !self.is_aside) {
                last_good.keep(self.answers, self.date);
            }
            return result;
        };
        let is_said = last_good.is_some_and(|last| last.say(self.answers, program.ttl));
        if let Some(trail) = &mut self.trail
            && is_said
        {
            trail.last_good();
        }
        if !self.is_aside
            && let Some(count) = hosted.beside.programs.fail(entry, self.now)
        {
            tracing::warn!(
                zone = %hosted.zone.apex(),
                owner = %node.owner(),
                rtype = %program.inner,
                failures = count,
                reason = %failure,
                detail,
                last_good = is_said,
                "record program failed"
            );
        }
        if !is_said {
            return result;
        }
        self.reply.extended_error(ExtendedError::STALE_ANSWER);
        Ok(())
    }

    /// What the one who asked may know of a failure.
    const fn explain(&self, failure: Failure) -> ExtendedError {
        ExtendedError::other(match failure {
            _ if self.has_spent => "too much work for your network",
            Failure::Fuel | Failure::Memory | Failure::Time => "record program spent its budget",
            _ => "record program failed",
        })
    }

    /// What becomes of an answer for which programs were not run because of what its source has
    /// spent. Who may be forged is asked to come over TCP, where it cannot be somebody else; who
    /// does gets what they said last, or what there is without them, as when they fail.
    pub(super) fn give_up_programs(&mut self, rcode: Rcode) -> Rcode {
        if self.source.is_known {
            return rcode;
        }
        self.reply.reset();
        self.reply.truncated();
        Rcode::NOERROR
    }
}

/// What is known to whoever answers: zones, places, health, and where checks are asked for.
type Known<'a> = (&'a Arc<Zones>, &'a Arc<Geo>, &'a Arc<Snapshot>, &'a Health);

/// What a program of a node may look at.
fn context<'c>(
    qname: Name<'c>,
    (hosted, node): (&'c Hosted<Served>, Node<'c>),
    client: &'c Client,
    (zones, geo, health, requests): Known<'c>,
) -> Context<'c> {
    Context {
        qname,
        zone: hosted.zone.apex(),
        owner: node.owner(),
        data: zones,
        client,
        geo,
        health,
        requests,
        account: hosted.beside.account.as_ref(),
    }
}

/// Logs what a program said.
fn log(note: &Note, hosted: &Hosted<Served>, node: Node<'_>) {
    let (zone, owner, text) = (hosted.zone.apex(), node.owner(), note.text.as_str());
    match note.level {
        0..=3 => tracing::error!(%zone, %owner, text, "record program says"),
        4 => tracing::warn!(%zone, %owner, text, "record program says"),
        5 | 6 => tracing::info!(%zone, %owner, text, "record program says"),
        _ => tracing::debug!(%zone, %owner, text, "record program says"),
    }
}
