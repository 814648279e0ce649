//! How much work a search may be, and how much it was.

/// An operation on sets of so many slots counts as one look at an entry.
const SLOTS_PER_LOOK: u64 = 512;
/// How often the clock is asked, in looks at entries.
const PATIENCE: u64 = 256;

/// How much work a search may be.
#[derive(Clone, Copy)]
pub struct Budget<'a> {
    /// Most looks at the values of an entry, each for one part of the filter. What an index answers by
    /// itself costs next to nothing; adding up large sets counts a little.
    pub candidates: u64,
    /// Asked every few hundred looks: whether the time is over.
    pub expired: &'a dyn Fn() -> bool,
}

/// Why a search was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    TooManyCandidates,
    TimedOut,
}

/// Counts the work.
pub(super) struct Meter<'b> {
    budget: Option<Budget<'b>>,
    spent: u64,
    next_check: u64,
}

impl<'b> Meter<'b> {
    pub(super) fn new(budget: Option<Budget<'b>>) -> Self {
        let next_check = if budget.is_some() { PATIENCE } else { u64::MAX };
        let next_check = budget.map_or(next_check, |budget| next_check.min(budget.candidates));
        Self { budget, spent: 0, next_check }
    }

    /// Looks at entries so far.
    pub(super) const fn spent(&self) -> u64 {
        self.spent
    }

    pub(super) fn spend(&mut self, looks: u64) -> Result<(), Stop> {
        self.spent = self.spent.saturating_add(looks);
        if self.spent <= self.next_check { Ok(()) } else { self.check() }
    }

    pub(super) fn spend_on_set(&mut self, slots: u64) -> Result<(), Stop> {
        self.spend(slots / SLOTS_PER_LOOK)
    }

    fn check(&mut self) -> Result<(), Stop> {
        let Some(budget) = self.budget else { return Ok(()) };
        if self.spent > budget.candidates {
            return Err(Stop::TooManyCandidates);
        }
        if (budget.expired)() {
            return Err(Stop::TimedOut);
        }
        self.next_check = (self.spent + PATIENCE).min(budget.candidates);
        Ok(())
    }
}
