//! How a result came about（抽检方式）, as far as the model tells results apart: mode, basis, test
//! method, laboratory and inspector group.

use crate::logodds::rows::drawn_with;
use crate::logodds::{Basis, NO_OBSERVER, Settings, Verification};
use compact_str::CompactString;
use hashbrown::HashMap;
use risk_domain::ids::{LabId, MethodId};
use risk_domain::inspection::{InspectionResult, TestKind};
use risk_domain::selection::{Selection, SelectionBasis, SelectionMode};

/// How one result came about. Observers are by their number within one engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sampling {
    /// Place of the mode in [`SelectionMode::ALL`].
    pub(crate) mode: u8,
    pub(crate) basis: Basis,
    /// 0 for a laboratory, else the place of the fast-test method in the policy plus one.
    pub(crate) method: u8,
    pub(crate) verification: Verification,
    pub(crate) laboratory: u16,
    pub(crate) inspector: u16,
    /// Inclusion probability of a random draw, as [`crate::logodds::Row::drawn`].
    pub(crate) drawn: u16,
}

impl Sampling {
    pub(crate) fn of(
        result: &InspectionResult,
        settings: &Settings,
        observers: &mut Observers,
    ) -> Self {
        let method = match result.test.kind {
            TestKind::Laboratory => 0,
            TestKind::Rapid => {
                let name = result.test.method_id.as_ref().map(MethodId::as_str);
                let declared = |name: &str| settings.methods.iter().position(|m| m.name == name);
                // The first declared method stands for every kit that is not declared by name.
                name.and_then(declared).unwrap_or(0) as u8 + 1
            }
        };
        let mode = SelectionMode::ALL
            .iter()
            .position(|mode| *mode == result.mode);
        let laboratory = result.test.lab_id.as_ref().map(LabId::as_str);
        Self {
            mode: mode.unwrap_or(0) as u8,
            basis: basis(result.mode, result.selection.basis),
            method,
            verification: Verification::None,
            laboratory: laboratory.map_or(NO_OBSERVER, |name| observers.laboratories.number(name)),
            inspector: observers.inspectors.number(result.team_id.as_str()),
            drawn: drawn(&result.selection),
        }
    }

    /// The same, of a fast test that a laboratory has spoken on.
    pub(crate) fn verified(self, positive: bool, laboratory: u16) -> Self {
        Self {
            verification: if positive {
                Verification::OfPositive
            } else {
                Verification::OfNegative
            },
            laboratory,
            ..self
        }
    }
}

/// Only a random draw's probability says for how many targets one stands.
fn drawn(selection: &Selection) -> u16 {
    match (selection.basis, selection.inclusion_probability) {
        (SelectionBasis::Random | SelectionBasis::Census, Some(known)) => drawn_with(known.get()),
        (SelectionBasis::Random | SelectionBasis::Census, None)
        | (SelectionBasis::Targeted | SelectionBasis::FollowUp | SelectionBasis::Complaint, _) => 0,
    }
}

/// What choosing a target tells beyond what is in the model. Only risk evaluations are the gold
/// standard: the other modes choose within a visit. Complaints and enforcement act on private
/// knowledge. All else is chosen by class and history, which the model has.
fn basis(mode: SelectionMode, basis: SelectionBasis) -> Basis {
    match (mode, basis) {
        (_, SelectionBasis::Complaint)
        | (SelectionMode::EnforcementTest, SelectionBasis::Targeted) => Basis::Informative,
        (SelectionMode::RiskEvaluation, SelectionBasis::Random | SelectionBasis::Census) => {
            Basis::Random
        }
        (
            SelectionMode::RiskEvaluation
            | SelectionMode::SupervisoryCheck
            | SelectionMode::SpecialCheck
            | SelectionMode::FastTest
            | SelectionMode::EnforcementTest,
            SelectionBasis::Random
            | SelectionBasis::Targeted
            | SelectionBasis::FollowUp
            | SelectionBasis::Census,
        ) => Basis::Ignorable,
    }
}

/// Laboratories and inspector groups.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observers {
    pub(crate) laboratories: Numbered,
    pub(crate) inspectors: Numbered,
}

/// Names with numbers in the order of arrival, which never leave the process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Numbered {
    /// With each name, whether a close has counted a result of it.
    names: Vec<(CompactString, bool)>,
    by_name: HashMap<CompactString, u16>,
}

impl Numbered {
    /// The number of a name, given on first sight; beyond 65,534 names nobody is named.
    pub(crate) fn number(&mut self, name: &str) -> u16 {
        if let Some(number) = self.by_name.get(name) {
            return *number;
        }
        let number = self.names.len();
        if number >= usize::from(NO_OBSERVER) {
            return NO_OBSERVER;
        }
        self.names.push((CompactString::new(name), false));
        self.by_name.insert(CompactString::new(name), number as u16);
        number as u16
    }

    /// Notes that a close has counted a result of this one.
    pub(crate) fn count(&mut self, number: u16) {
        if let Some((_, counted)) = self.names.get_mut(usize::from(number)) {
            *counted = true;
        }
    }

    /// Those that a close has counted a result of, in the order of their names.
    pub(crate) fn counted(&self) -> impl Iterator<Item = u16> {
        let numbered = (0_u16..).zip(&self.names);
        let counted = numbered.filter(|(_, (_, counted))| *counted);
        let mut counted: Vec<_> = counted.map(|(number, (name, _))| (name, number)).collect();
        counted.sort_unstable();
        counted.into_iter().map(|(_, number)| number)
    }

    /// The name; empty where nobody was named.
    pub(crate) fn name(&self, number: u16) -> &str {
        let known = self.names.get(usize::from(number));
        known.map_or("", |(name, _)| name.as_str())
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// Every name in the order of numbers, for a checkpoint.
    pub(crate) fn parts(&self) -> Vec<(CompactString, bool)> {
        self.names.clone()
    }

    pub(crate) fn restore(names: Vec<(CompactString, bool)>) -> Self {
        let numbers = (0..).zip(&names);
        Self {
            by_name: numbers
                .map(|(number, (name, _))| (name.clone(), number))
                .collect(),
            names,
        }
    }
}
