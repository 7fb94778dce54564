//! When inspection is tightened, reduced or given up（转移规则）: clause 9.3 of the standard.

use super::Severity;

/// Where a supplier's series of lots stands（转移规则）.
///
/// Only lots on original inspection count; a lot presented again does not.
///
/// ```
/// use risk_stats::acceptance::{Conditions, LotOutcome, Severity, Switching};
/// let failed = LotOutcome { accepted: false, acceptance_number: 2, accepted_one_step_tighter: false };
/// let state = Switching::default()
///     .after(failed, Conditions::default())
///     .after(failed, Conditions::default());
/// // Two of five consecutive lots.
/// assert_eq!(state.severity(), Some(Severity::Tightened));
/// // Sampling that had stopped goes on under tightened inspection.
/// assert_eq!(Switching::Discontinued.resumed().severity(), Some(Severity::Tightened));
/// ```
#[doc(alias = "转移规则")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switching {
    /// Normal inspection.
    Normal {
        /// Switching score（转移得分）.
        score: u32,
        /// Lots since the last one not accepted, if any was among the last four.
        since_rejection: Option<u8>,
    },
    /// Tightened inspection.
    Tightened {
        /// Consecutive lots accepted.
        accepted: u8,
        /// Lots not accepted since inspection was tightened.
        rejected: u8,
    },
    /// Reduced inspection.
    Reduced,
    /// Acceptance sampling has stopped until the supplier has acted.
    Discontinued,
}

/// A lot on original inspection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LotOutcome {
    /// Whether it was accepted.
    pub accepted: bool,
    /// Acceptance number of the plan.
    pub acceptance_number: u32,
    /// Whether it would have been accepted at the next tighter limit; asked where the acceptance
    /// number is 2 or more.
    pub accepted_one_step_tighter: bool,
}

/// What the rules ask beside the lots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Conditions {
    /// Production goes on steadily.
    pub steady: bool,
    /// The authority holds reduced inspection to be desirable.
    pub reduced_wanted: bool,
}

/// Score at which inspection may be reduced.
const ENOUGH: u32 = 30;
/// Accepted in a row, tightened inspection ends; not accepted in all, sampling stops.
const FIVE: u8 = 5;

impl Default for Switching {
    fn default() -> Self {
        Self::Normal {
            score: 0,
            since_rejection: None,
        }
    }
}

impl Switching {
    /// The severity for the next lot; `None` while sampling has stopped.
    pub fn severity(self) -> Option<Severity> {
        match self {
            Self::Normal { .. } => Some(Severity::Normal),
            Self::Tightened { .. } => Some(Severity::Tightened),
            Self::Reduced => Some(Severity::Reduced),
            Self::Discontinued => None,
        }
    }

    /// Where it stands after one more lot.
    #[must_use]
    pub fn after(self, lot: LotOutcome, conditions: Conditions) -> Self {
        match self {
            Self::Normal {
                score,
                since_rejection,
            } => after_normal(score, since_rejection, lot, conditions),
            Self::Tightened { accepted, rejected } => after_tightened(accepted, rejected, lot),
            Self::Reduced => {
                if lot.accepted && conditions.steady && conditions.reduced_wanted {
                    Self::Reduced
                } else {
                    Self::default()
                }
            }
            Self::Discontinued => Self::Discontinued,
        }
    }

    /// After the supplier's action has been found effective: a series that had stopped goes on under
    /// tightened inspection. Any other is left as it is.
    #[must_use]
    pub fn resumed(self) -> Self {
        match self {
            Self::Discontinued => Self::Tightened {
                accepted: 0,
                rejected: 0,
            },
            Self::Normal { .. } | Self::Tightened { .. } | Self::Reduced => self,
        }
    }
}

fn after_normal(
    score: u32,
    since_rejection: Option<u8>,
    lot: LotOutcome,
    conditions: Conditions,
) -> Switching {
    if !lot.accepted {
        return match since_rejection {
            Some(_) => Switching::Tightened {
                accepted: 0,
                rejected: 0,
            },
            None => Switching::Normal {
                score: 0,
                since_rejection: Some(0),
            },
        };
    }
    let score = if lot.acceptance_number < 2 {
        score + 2
    } else if lot.accepted_one_step_tighter {
        score + 3
    } else {
        0
    };
    if score >= ENOUGH && conditions.steady && conditions.reduced_wanted {
        return Switching::Reduced;
    }
    // After four more lots the one not accepted is no longer one of five consecutive with the next.
    let since_rejection = since_rejection
        .map(|lots| lots + 1)
        .filter(|lots| *lots < FIVE - 1);
    Switching::Normal {
        score,
        since_rejection,
    }
}

fn after_tightened(accepted: u8, rejected: u8, lot: LotOutcome) -> Switching {
    let (accepted, rejected) = if lot.accepted {
        (accepted + 1, rejected)
    } else {
        (0, rejected + 1)
    };
    if rejected >= FIVE {
        Switching::Discontinued
    } else if accepted >= FIVE {
        Switching::default()
    } else {
        Switching::Tightened { accepted, rejected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(lots: &str) -> Switching {
        let wanted = Conditions {
            steady: true,
            reduced_wanted: true,
        };
        lots.chars().fold(Switching::default(), |state, lot| {
            let lot = LotOutcome {
                accepted: lot != '-',
                acceptance_number: if lot == '0' { 0 } else { 2 },
                accepted_one_step_tighter: lot != '=',
            };
            state.after(lot, wanted)
        })
    }

    #[test]
    fn two_of_five_lots_tighten_and_two_of_six_do_not() {
        assert_eq!(run("-+++-").severity(), Some(Severity::Tightened));
        assert_eq!(run("--").severity(), Some(Severity::Tightened));
        assert_eq!(run("-++++-").severity(), Some(Severity::Normal));
    }

    #[test]
    fn five_in_a_row_end_it_and_five_in_all_stop_it() {
        assert_eq!(run("--++++").severity(), Some(Severity::Tightened));
        assert_eq!(run("--+++++"), Switching::default());
        assert_eq!(run("---+-+-+-+").severity(), Some(Severity::Tightened));
        let stopped = run("---+-+-+-+-");
        assert_eq!(stopped, Switching::Discontinued);
        assert_eq!(stopped.severity(), None);
        assert_eq!(stopped.resumed().severity(), Some(Severity::Tightened));
    }

    #[test]
    fn a_score_of_thirty_reduces_and_one_failure_ends_it() {
        assert_eq!(run("+++++++++").severity(), Some(Severity::Normal));
        assert_eq!(run("++++++++++"), Switching::Reduced);
        assert_eq!(run("++++++++++-"), Switching::default());
        // Accepted, but not at the next tighter limit: the score starts again.
        assert_eq!(run("+++++++++=+").severity(), Some(Severity::Normal));
        // Acceptance number 0: two points a lot.
        assert_eq!(run("00000000000000").severity(), Some(Severity::Normal));
        assert_eq!(run("000000000000000"), Switching::Reduced);
    }

    #[test]
    fn unsteady_production_is_not_reduced() {
        let lot = LotOutcome {
            accepted: true,
            acceptance_number: 2,
            accepted_one_step_tighter: true,
        };
        let mut state = Switching::default();
        for _ in 0..20 {
            state = state.after(lot, Conditions::default());
        }
        assert_eq!(state.severity(), Some(Severity::Normal));
        let back = Switching::Reduced.after(lot, Conditions::default());
        assert_eq!(back, Switching::default());
    }
}
