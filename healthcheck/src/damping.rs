//! How an endpoint that was down comes back: what keeps it out for a while, and how fast it gets
//! its share again.

use std::fmt;
use std::time::Duration;

/// How an endpoint that was down comes back. Nothing of it delays the way down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Damping {
    /// The shortest time from going down to coming back.
    pub hold_down: Duration,
    /// What it takes, once it answers again.
    pub resume: Resume,
    /// How long it takes to get from a small share to the whole after it came back; zero: no time.
    pub ramp: Duration,
    /// What is done about endpoints that go down again and again; `None`: nothing.
    pub flap: Option<Flap>,
    /// How long after a change a verdict counts as fresh, for TTLs that follow the state.
    pub fresh: Duration,
}

/// When an endpoint that answers again counts as up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Resume {
    /// At once.
    #[default]
    Auto,
    /// When it has answered for so long.
    After(Duration),
    /// When an operator says so ([`crate::Health::resume`]).
    Manual,
}

/// What is done about endpoints that go up and down.
///
/// One goes down, too, when [`Flap::BAD`] of its last [`Flap::WINDOW`] probes failed, however many in a
/// row, and is kept out until no more than [`Flap::GOOD`] did.
///
/// Besides, there is a penalty that grows by [`Flap::FALL`] whenever the endpoint goes down and halves in each half-life,
/// as routers damp routes (RFC 2439).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flap {
    /// In this time the penalty halves; longer than zero.
    pub half_life: Duration,
    /// An endpoint whose penalty reaches this when it goes down is kept out.
    pub suppress: u32,
    /// It is kept out until its penalty is below this, which is below `suppress` and above zero.
    pub reuse: u32,
}

impl Damping {
    /// Nothing is damped, as on the peer.
    pub const NONE: Self = Self {
        hold_down: Duration::ZERO,
        resume: Resume::Auto,
        ramp: Duration::ZERO,
        flap: None,
        fresh: Duration::from_secs(300),
    };

    /// The longest time any of these may be.
    pub const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

    /// Whether all of it can be carried out.
    pub(crate) fn validate(&self) -> Result<(), &'static str> {
        let after = match self.resume {
            Resume::After(time) => time,
            Resume::Auto | Resume::Manual => Duration::ZERO,
        };
        if [self.hold_down, after, self.ramp, self.fresh].iter().any(|time| *time > Self::LONGEST) {
            return Err("hold_down, resume, ramp and fresh are a week at most");
        }
        match self.flap {
            None => Ok(()),
            Some(flap) if flap.half_life.is_zero() || flap.half_life > Self::LONGEST => {
                Err("the half-life of a flap penalty is longer than 0 and a week at most")
            }
            Some(flap) if flap.reuse == 0 || flap.reuse >= flap.suppress => {
                Err("reuse has to be above 0 and below suppress")
            }
            Some(_) => Ok(()),
        }
    }
}

impl Default for Damping {
    fn default() -> Self {
        Self { flap: Some(Flap::default()), ..Self::NONE }
    }
}

impl Flap {
    /// What one fall adds to the penalty.
    pub const FALL: u32 = 1000;
    /// How many probes are looked back on, whatever their interval.
    pub const WINDOW: u32 = u32::BITS;
    /// An endpoint goes down when so many of them failed. Where a fifth of all probes are lost that is
    /// so about once a week at an interval of 5 s; an endpoint that is down half of the time gets there
    /// in as many probes as there are.
    pub const BAD: u32 = 15;
    /// One that went down for that is kept out until no more than so many did.
    pub const GOOD: u32 = 10;
    /// A check whose `fall` is above this is meant to be patient, and only failures in a row count.
    pub const PATIENT: u32 = 8;

    /// The penalty never gets above so many times `suppress`, so that an endpoint that was bad for a
    /// day does not pay for a week.
    pub(crate) const CAP: u32 = 4;
}

impl Default for Flap {
    /// The fourth fall within minutes keeps an endpoint out for about ten minutes.
    fn default() -> Self {
        Self { half_life: Duration::from_secs(300), suppress: 3000, reuse: 1000 }
    }
}

/// What keeps an endpoint out that answers again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hold {
    /// It went down not long ago ([`Damping::hold_down`]).
    HoldDown,
    /// It has not answered for long enough ([`Resume::After`]).
    Waiting,
    /// Nobody has said that it may come back ([`Resume::Manual`]).
    Manual,
    /// It went down, or failed, too often ([`Damping::flap`]).
    Flapping,
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HoldDown => "answers again, held down for a while",
            Self::Waiting => "answers again, not yet for long enough",
            Self::Manual => "answers again, waits for an operator",
            Self::Flapping => "answers again, failed too often",
        })
    }
}
