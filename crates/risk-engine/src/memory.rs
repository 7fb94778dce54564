//! What the engine's state weighs, and what may be left out of it.

use crate::step::Engine;
use crate::subjects::Subjects;

/// Bytes that the state holds, by what they hold（内存占用）. Counted from capacities, so what the
/// allocator adds is left out.
#[doc(alias = "内存占用")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryUse {
    /// Names and public names of subjects.
    pub names: usize,
    /// Evidence sums, by stratum and generation, results whose epoch is open, and bins of results.
    pub evidence: usize,
    /// Alerts and cases with their histories, and supply paths: what failures leave, however many subjects.
    pub raised: usize,
    /// Everything else: numbers, links, what stands.
    pub other: usize,
}

impl Engine {
    /// Keeps no lists of alerts and cases from now on, for who judges and asks for none: lists and counts of
    /// them find nothing then.
    pub fn leave_out_lists(&mut self) {
        self.alerts.leave_out_lists();
        self.cases.leave_out_lists();
    }

    /// What the state weighs now.
    pub fn memory(&self) -> MemoryUse {
        let states = self.states.heap_bytes();
        let sums = self.states.iter().map(|state| state.tallies.heap_bytes());
        let (names, links) = self.subjects.heap_bytes();
        MemoryUse {
            names,
            evidence: sums.sum::<usize>()
                + self.pending.heap_bytes()
                + self.model.bins.heap_bytes(),
            raised: self.alerts.heap_bytes() + self.cases.heap_bytes() + self.paths.heap_bytes(),
            other: states
                + links
                + size_of::<Subjects>()
                + self.frame.heap_bytes()
                + self.warning.heap_bytes(),
        }
    }
}
