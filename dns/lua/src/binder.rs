//! What a host function takes its arguments in with, at load and at run time alike.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::RandomState;
use halfmoon_healthcheck::{
    Check, CheckId, ChoiceHandle, Handle, Health, Label, Member, Orders, Pool, PoolHandle,
    PoolName, Reaction, Refused as CheckRefused, Snapshot,
};
use halfmoon_wire::{NameBuf, Type};

use crate::budget::Budget;
use crate::eval::Item;
use crate::include::Include;
use crate::remark::Remark;
use crate::story::Finding;
use crate::value::{Arg, Table, Value};
use crate::{Defaults, Dialect, Settings, address, rdata};

/// An argument is not taken; why is among the binder's remarks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// The checks a program holds because it names them in its text.
pub(crate) type Held = HashMap<Check, CheckId, RandomState>;

/// Where checks come from.
#[derive(Debug)]
pub(crate) enum Checks<'a> {
    /// At load: they are held as long as the program is.
    Load {
        health: &'a Health,
        handles: &'a mut Vec<Handle>,
        held: &'a mut Held,
        /// Whose pools are registered; `None`: nobody's, only the checks begin.
        owner: Option<PoolName>,
    },
    /// At run time: they are found, or asked for and unknown until then.
    Run {
        health: &'a Health,
        snapshot: &'a Snapshot,
        held: &'a Held,
        /// What the program includes holds checks as well.
        includes: &'a [(NameBuf, Arc<Include>)],
        /// Whose checks they are, since no zone may have too many.
        zone: &'a [u8],
        /// Whether one was looked for that the program does not hold.
        asked: &'a Cell<bool>,
        /// Those of them that will not be checked, and why, if somebody wants to know.
        refused: Option<&'a RefCell<Vec<Finding>>>,
    },
    /// Only the form of the arguments is looked at.
    Form,
}

/// Takes arguments in, and notes what is wrong with them.
#[derive(Debug)]
pub(crate) struct Binder<'a> {
    pub(crate) settings: &'a Settings,
    /// What holds where the arguments do not say otherwise.
    pub(crate) defaults: &'a Defaults,
    /// The type of the record.
    pub(crate) inner: Type,
    /// Whether what the call returns is record data, and not something the program works on.
    pub(crate) direct: bool,
    pub(crate) checks: Checks<'a>,
    pub(crate) remarks: Vec<Remark>,
    /// Addresses that a record of this type cannot carry, and where they stand; found at load.
    pub(crate) foreign: Vec<(usize, IpAddr)>,
    /// The check that takes longest to find out, of those that began at load, and how long.
    pub(crate) slowest: Option<Slowest>,
    /// How long a failover takes of what was bound.
    pub(crate) budget: Option<Budget>,
}

/// A check by its name, and how long it takes; `None`: without end.
pub(crate) type Slowest = (Option<Box<str>>, Option<Reaction>);

impl Binder<'_> {
    pub(crate) fn dialect(&self) -> Dialect {
        self.settings.dialect
    }

    pub(crate) fn is_halfmoon(&self) -> bool {
        self.dialect() == Dialect::Halfmoon
    }

    pub(crate) fn at_load(&self) -> bool {
        !matches!(self.checks, Checks::Run { .. })
    }

    /// Notes what is wrong with an argument.
    pub(crate) fn refuse(&mut self, arg: &Arg, message: impl Into<String>) -> Refused {
        self.remarks.push(Remark::error("lua-argument", arg.at, message));
        Refused
    }

    /// The same, with what to write instead.
    pub(crate) fn refuse_with(
        &mut self,
        arg: &Arg,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Refused {
        self.refuse_as("lua-argument", arg, message, help)
    }

    /// The same by a rule of its own.
    pub(crate) fn refuse_as(
        &mut self,
        rule: &'static str,
        arg: &Arg,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Refused {
        self.remarks.push(Remark::error(rule, arg.at, message).help(help));
        Refused
    }

    /// Notes what looks wrong and works all the same. Only at load is there anybody to read it.
    pub(crate) fn warn(
        &mut self,
        rule: &'static str,
        arg: &Arg,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        if self.at_load() {
            self.remarks.push(Remark::warning(rule, arg.at, message).help(help));
        }
    }

    pub(crate) fn text<'v>(&mut self, arg: &'v Arg, what: &str) -> Result<Cow<'v, str>, Refused> {
        match arg.value.as_text() {
            Some(text) => Ok(text),
            None => {
                Err(self
                    .refuse(arg, format!("{what} has to be a string, not {}", arg.value.kind())))
            }
        }
    }

    pub(crate) fn integer(&mut self, arg: &Arg, what: &str) -> Result<i64, Refused> {
        match arg.value.as_integer() {
            Some(number) => Ok(number),
            None => {
                Err(self.refuse(arg, format!("{what} has to be an integer, not {}", shown(arg))))
            }
        }
    }

    /// A table without names for keys.
    pub(crate) fn list<'v>(&mut self, arg: &'v Arg, what: &str) -> Result<&'v [Arg], Refused> {
        let Value::Table(Table { items, fields }) = &arg.value else {
            let message = format!("{what} has to be a list, not {}", arg.value.kind());
            return Err(match &arg.value {
                Value::Text(_) => {
                    self.refuse_with(arg, message, format!("write {{{}}}", shown(arg)))
                }
                _ => self.refuse(arg, message),
            });
        };
        if let Some((key, _)) = fields.first() {
            return Err(
                self.refuse(key, format!("{what} has to be a list; it has the key {}", shown(key)))
            );
        }
        if let Some(hole) = items.iter().find(|item| item.value == Value::Nil) {
            return Err(self.refuse(hole, format!("{what} has a nil in it")));
        }
        Ok(items)
    }

    /// A list that is not empty.
    pub(crate) fn full_list<'v>(&mut self, arg: &'v Arg, what: &str) -> Result<&'v [Arg], Refused> {
        let items = self.list(arg, what)?;
        if items.is_empty() {
            return Err(self.refuse(arg, format!("{what} is empty")));
        }
        Ok(items)
    }

    /// A string or number that may become an answer. `None`: an address that a record of this type
    /// cannot carry, which is left out so that one list serves A and AAAA.
    pub(crate) fn item(&mut self, arg: &Arg) -> Result<Option<Item>, Refused> {
        let text = self.text(arg, "a value")?.into_owned();
        if let Some(address) = text.parse().ok().filter(|address| self.is_other_family(address)) {
            self.note_foreign(arg, address);
            if self.is_halfmoon() {
                return Ok(None);
            }
        }
        let mut data = Vec::new();
        let rdata = match rdata::encode(self.inner, text.as_bytes(), &mut data) {
            Ok(()) => Some(data.into()),
            Err(why) => {
                if self.direct && self.is_halfmoon() {
                    return Err(self.no_data(arg, &text, &why));
                }
                None
            }
        };
        Ok(Some(Item { text: text.into_bytes().into(), rdata }))
    }

    pub(crate) fn no_data(&mut self, arg: &Arg, text: &str, why: &str) -> Refused {
        let inner = self.inner;
        let message = format!("'{text}' is no data of a record of type {inner}: {why}");
        match text.split_once(' ').filter(|(head, _)| head.eq_ignore_ascii_case(&inner.to_string()))
        {
            Some((_, rest)) => self.refuse_with(
                arg,
                message,
                format!("write '{rest}': the record says that it is {inner}"),
            ),
            None => self.refuse(arg, message),
        }
    }

    /// Whether a record of this type cannot carry an address.
    const fn is_other_family(&self, address: &IpAddr) -> bool {
        match self.inner {
            Type::A => address.is_ipv6(),
            Type::AAAA => address.is_ipv4(),
            _ => false,
        }
    }

    fn note_foreign(&mut self, arg: &Arg, address: IpAddr) {
        if self.at_load() {
            self.foreign.push((arg.at, address));
        }
    }

    /// A list of strings that may become answers.
    pub(crate) fn items(&mut self, arg: &Arg) -> Result<Vec<Item>, Refused> {
        let args = self.full_list(arg, "the list")?;
        let read: Vec<_> = args.iter().map(|arg| self.item(arg)).collect();
        let items = read.into_iter().collect::<Result<Vec<_>, _>>()?;
        let items: Vec<Item> = items.into_iter().flatten().collect();
        self.some_left(arg, items.is_empty())?;
        Ok(items)
    }

    pub(crate) fn some_left(&mut self, arg: &Arg, is_empty: bool) -> Result<(), Refused> {
        if is_empty {
            let message = format!("no address here fits a record of type {}", self.inner);
            return Err(self.refuse(arg, message));
        }
        Ok(())
    }

    /// An address, with a port if it has one of its own. `None`: of the family this record cannot
    /// carry.
    pub(crate) fn address(&mut self, arg: &Arg) -> Result<Option<(IpAddr, Option<u16>)>, Refused> {
        let text = self.text(arg, "an address")?;
        let Some((address, port)) = address::parse(&text, self.dialect()) else {
            let message = format!("'{text}' is not an address");
            let last = text.rsplit(' ').next().filter(|last| last.parse::<IpAddr>().is_ok());
            return Err(match last {
                Some(last) => self.refuse_with(
                    arg,
                    message,
                    format!("write '{last}': the record says that it is {}", self.inner),
                ),
                None => self.refuse(arg, message),
            });
        };
        if self.is_other_family(&address) {
            self.note_foreign(arg, address);
            if self.is_halfmoon() {
                return Ok(None);
            }
        }
        Ok(Some((address, port)))
    }

    /// The item that an address is in an answer.
    pub(crate) fn address_item(&self, address: IpAddr) -> Item {
        let text = address.to_string();
        let rdata = rdata::of_address(self.inner, address).or_else(|| {
            let mut data = Vec::new();
            rdata::encode(self.inner, text.as_bytes(), &mut data).ok().map(|()| data.into())
        });
        Item { text: text.into_bytes().into(), rdata }
    }

    /// Where the verdict of a check is; `None` when it is not known, or never will be.
    pub(crate) fn watch(&mut self, arg: &Arg, check: Check) -> Result<Option<CheckId>, Refused> {
        match &mut self.checks {
            Checks::Form => Ok(None),
            Checks::Run { health, snapshot, held, includes, zone, asked, refused } => {
                let included = || includes.iter().find_map(|(_, inner)| inner.held.get(&check));
                if let Some(id) = held.get(&check).or_else(included) {
                    return Ok(Some(*id));
                }
                asked.set(true);
                let found = snapshot.find_on(health.account(), &check);
                if found.is_none() {
                    if let Some(refused) = refused
                        && let Some(why) = health.objection(&check)
                    {
                        let (check, why) = (check.to_string(), why.to_string());
                        refused.borrow_mut().push(Finding::Refused { check, why });
                    }
                    health.request(zone, check);
                }
                Ok(found)
            }
            Checks::Load { health, handles, held, .. } => {
                let reaction = Reaction::of(&check);
                let is_slower = match (&self.slowest, reaction) {
                    (None, _) => true,
                    (Some((_, None)), _) => false,
                    (Some(_), None) => true,
                    (Some((_, Some(was))), Some(is)) => is.total() > was.total(),
                };
                if is_slower {
                    self.slowest = Some((Some(check.to_string().into()), reaction));
                }
                if let Some(id) = held.get(&check) {
                    return Ok(Some(*id));
                }
                match health.acquire(check.clone()) {
                    Ok(handle) => {
                        let id = handle.id();
                        handles.push(handle);
                        held.insert(check, id);
                        Ok(Some(id))
                    }
                    Err(refused) => self.not_probed(arg, &refused),
                }
            }
        }
    }

    /// A member of a list, the check of which begins or is found, if it has one.
    pub(crate) fn member(
        &mut self,
        arg: &Arg,
        (address, weight): (IpAddr, u32),
        check: Option<Check>,
    ) -> Result<Member, Refused> {
        let named = check.as_ref().and_then(|check| self.orders()?.names(check));
        let check = check.map(|check| self.watch(arg, check)).transpose()?.flatten();
        Ok(Member { address, weight, check, named, labels: self.labels(address) })
    }

    /// What operators say, where it is asked for at once: at load it is asked for whenever it changes.
    pub(crate) fn orders(&self) -> Option<&dyn Orders> {
        match &self.checks {
            Checks::Run { snapshot, .. } => snapshot.orders(),
            Checks::Load { .. } | Checks::Form => None,
        }
    }

    /// Whether it matters who is among what is chosen from: whether somebody will ask for it.
    pub(crate) fn may_be_judged(&self) -> bool {
        matches!(self.checks, Checks::Load { .. }) || self.orders().is_some()
    }

    /// A member of a list that nobody checks.
    pub(crate) fn unchecked_member(&self, address: IpAddr) -> Member {
        Member { address, weight: 1, check: None, named: None, labels: self.labels(address) }
    }

    /// Registers a choice without checks, if it has members.
    pub(crate) fn register_choice(&self, members: &Arc<[Member]>) -> Option<ChoiceHandle> {
        match &self.checks {
            Checks::Load { health, .. } if !members.is_empty() => {
                Some(health.register_choice(Arc::clone(members)))
            }
            _ => None,
        }
    }

    /// What an address is called by, as far as somebody will ask.
    fn labels(&self, address: IpAddr) -> Arc<[Label]> {
        match &self.checks {
            Checks::Form => Arc::default(),
            Checks::Run { .. } if self.orders().is_none() => Arc::default(),
            Checks::Load { .. } | Checks::Run { .. } => self.defaults.labels.of(address),
        }
    }

    /// Whose pool is bound; `None` where none is registered.
    pub(crate) fn pool_name(&self) -> Option<PoolName> {
        match &self.checks {
            Checks::Load { owner, .. } => owner.clone(),
            Checks::Run { .. } | Checks::Form => None,
        }
    }

    /// Registers a pool.
    pub(crate) fn register(&self, pool: Pool) -> Option<PoolHandle> {
        match &self.checks {
            Checks::Load { health, .. } => Some(health.register(pool)),
            Checks::Run { .. } | Checks::Form => None,
        }
    }

    fn not_probed(
        &mut self,
        arg: &Arg,
        refused: &CheckRefused,
    ) -> Result<Option<CheckId>, Refused> {
        let (rule, help) = match refused {
            CheckRefused::Target(_) => {
                let help = "the operator decides under `health.targets` what is probed";
                ("lua-target", Some(help.to_owned()))
            }
            CheckRefused::NotTheirs { settings, .. } => {
                let decides = format!("the operator decides under `{settings}.targets`");
                ("tenant-targets", Some(format!("{decides} what is probed for this zone")))
            }
            CheckRefused::Checks { .. } => ("tenant-checks", Some(FEWER.to_owned())),
            CheckRefused::Probes { .. } => ("tenant-probes", Some(FEWER.to_owned())),
            _ => ("lua-check", None),
        };
        let remark = Remark { help, ..Remark::error(rule, arg.at, refused.to_string()) };
        if self.is_halfmoon() || self.at_load() && remark.is_operators() {
            // It would be in force without ever being in an answer, which nobody means.
            self.remarks.push(remark);
            return Err(Refused);
        }
        self.warn(rule, arg, refused.to_string(), "it is never probed and counts as not up");
        Ok(None)
    }
}

/// What to do about checks that are too many.
const FEWER: &str =
    "name fewer endpoints, probe them at longer intervals, or ask the operator for more";

/// A value as it stands in a program, if it is short.
pub(crate) fn shown(arg: &Arg) -> String {
    match &arg.value {
        Value::Text(octets) => {
            let text = String::from_utf8_lossy(octets);
            if text.len() > 60 { "a long string".to_owned() } else { format!("'{text}'") }
        }
        Value::Number(number) => crate::value::number_text(*number),
        Value::Bool(truth) => truth.to_string(),
        other => other.kind().to_owned(),
    }
}
