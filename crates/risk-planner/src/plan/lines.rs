//! Lines of a plan as they are drawn and chosen.

use super::{Design, Line, PlanError, Reserve};
use crate::chooser::{Chooser, Targeted, Why};
use crate::draw::{DrawKey, Drawn};
use crate::reason::Reason;
use crate::strata::Stratum;
use crate::wire::request::{Lead, LeadKind};
use risk_domain::selection::{SelectionBasis, SelectionMode};
use std::collections::BTreeSet;

/// Lines as they come.
pub(super) struct Lines<'a, 'd> {
    design: &'a Design<'d>,
    key: &'a DrawKey,
    taken: Vec<Line>,
    reserves: Vec<Reserve>,
}

impl<'a, 'd> Lines<'a, 'd> {
    pub(super) fn new(design: &'a Design<'d>, key: &'a DrawKey) -> Self {
        Self {
            design,
            key,
            taken: Vec::new(),
            reserves: Vec::new(),
        }
    }

    fn line(&self, unit: u32, mode: SelectionMode, basis: SelectionBasis, reason: Reason) -> Line {
        let candidate = self.design.pool.get(unit);
        let text = candidate.target.to_string();
        let view = self.design.view;
        let placed = self.taken.iter().rev().find(|line| line.mode == mode);
        Line {
            mode,
            rank: placed.map_or(0, |line| line.rank) + 1,
            zone: candidate.zone.clone(),
            sector: candidate.sector.clone(),
            booth: candidate.booth.clone(),
            name: candidate.name.clone(),
            basis,
            inclusion: None,
            stratum: None,
            tie_key: self.key.uniform(&self.design.draw, mode, &text),
            probability: candidate.probability,
            harm: candidate.harm,
            finds: view.finds(mode, candidate.probability),
            information: view.teaches(mode, candidate.probability, candidate.variance),
            reason,
            campaign: None,
            acceptance: None,
            race: None,
            lead: None,
            target: candidate.target.clone(),
        }
    }

    /// What was drawn from a stratum, and who stands by.
    pub(super) fn drawn(&mut self, stratum: &Stratum, drawn: &Drawn, chooser: &mut Chooser<'_>) {
        for at in &drawn.chosen {
            let unit = stratum.units[*at];
            chooser.count(unit.unit, stratum.mode);
            let reason = if stratum.mode == SelectionMode::RiskEvaluation {
                Reason::Evaluated {
                    stratum: stratum.name.clone(),
                    quota: stratum.quota,
                    size: stratum.units.len() as u32,
                }
            } else {
                Reason::Drawn {
                    stratum: stratum.name.clone(),
                    quota: stratum.quota,
                    inclusion: unit.probability,
                }
            };
            let line = self.line(unit.unit, stratum.mode, SelectionBasis::Random, reason);
            self.taken.push(Line {
                inclusion: Some(unit.probability),
                stratum: Some(stratum.name.clone()),
                ..line
            });
        }
        for (turn, at) in (1..).zip(&drawn.reserves) {
            let unit = stratum.units[*at];
            self.reserves.push(Reserve {
                mode: stratum.mode,
                stratum: stratum.name.clone(),
                turn,
                target: self.design.pool.get(unit.unit).target.clone(),
                inclusion: unit.probability,
            });
        }
    }

    /// Enforcement tests of what is owed, the most pressing first; returns leads without a target.
    pub(super) fn owed(&mut self, chooser: &mut Chooser<'_>) -> Vec<Lead> {
        let mode = SelectionMode::EnforcementTest;
        let asked = &self.design.request.leads;
        let named = |of: &&Lead| {
            !asked
                .iter()
                .any(|own| own.case.is_some() && own.case == of.case)
        };
        let known = self.design.pool.surroundings().leads.iter().filter(named);
        let mut leads: Vec<&Lead> = asked.iter().chain(known).collect();
        // A lead without a day is owed after those that have one.
        let urgency = |lead: &Lead| (lead.kind, lead.due.is_none(), lead.due.clone());
        leads.sort_by_key(|lead| (urgency(lead), lead.enterprise.clone(), lead.product.clone()));
        let mut seen = BTreeSet::new();
        let mut unplaced = Vec::new();
        let mut left = self.design.budgets.enforcement_test;
        for lead in leads {
            let Some(unit) = self.target_of(lead) else {
                unplaced.push(lead.clone());
                continue;
            };
            if left == 0 || !seen.insert(unit) {
                continue;
            }
            left -= 1;
            chooser.count(unit, mode);
            let basis = match lead.kind {
                LeadKind::Case | LeadKind::FollowUp => SelectionBasis::FollowUp,
                LeadKind::Alert => SelectionBasis::Targeted,
                LeadKind::Tip => SelectionBasis::Complaint,
            };
            let line = self.line(unit, mode, basis, Reason::Owed(lead.kind));
            self.taken.push(Line {
                lead: Some(lead.clone()),
                ..line
            });
        }
        unplaced
    }

    /// The target that a lead names, or the riskiest of its enterprise.
    fn target_of(&self, lead: &Lead) -> Option<u32> {
        let pool = self.design.pool;
        let all = pool.candidates();
        let from = all.partition_point(|of| of.target.enterprise < lead.enterprise);
        let own = (from..).zip(all.iter().skip(from));
        let own = own.take_while(|(_, of)| of.target.enterprise == lead.enterprise);
        let fits = own.filter(|(_, of)| {
            let target = &of.target;
            lead.site.as_ref().is_none_or(|site| *site == target.site)
                && lead.product.as_ref().is_none_or(|of| *of == target.product)
        });
        let riskiest = fits.max_by(|one, other| {
            let p = |of: &crate::Candidate| of.probability;
            p(one.1).total_cmp(&p(other.1)).then(other.0.cmp(&one.0))
        });
        riskiest.map(|(at, _)| at as u32)
    }

    /// What the targeted modes take.
    pub(super) fn targeted(&mut self, targeted: &Targeted) -> Result<(), PlanError> {
        let modes = [
            (SelectionMode::SpecialCheck, &targeted.special),
            (SelectionMode::FastTest, &targeted.fast),
        ];
        for (mode, chosen) in modes {
            for one in chosen {
                let (mut campaign, mut acceptance, mut race) = (None, None, None);
                let reason = match &one.why {
                    Why::Harm => Reason::Harm,
                    Why::Alert => Reason::Alert,
                    Why::Campaign(at) => {
                        let id = self.design.request.campaigns[*at].id.clone();
                        if let Some(sweep) = &self.design.sweeps[*at] {
                            acceptance = sweep.plan(self.design.pool.get(one.unit))?;
                        }
                        campaign = Some(id.clone());
                        Reason::Campaign(id)
                    }
                    Why::Race(side) => {
                        race = Some(*side);
                        let asked = self.design.request.race.as_ref();
                        Reason::Race(asked.map(|of| of.id.clone()).unwrap_or_default())
                    }
                };
                let line = self.line(one.unit, mode, SelectionBasis::Targeted, reason);
                self.taken.push(Line {
                    campaign,
                    acceptance,
                    race,
                    ..line
                });
            }
        }
        Ok(())
    }

    /// Lines by mode and rank, and replacements.
    pub(super) fn finish(mut self) -> (Vec<Line>, Vec<Reserve>) {
        self.taken.sort_by_key(|line| (line.mode, line.rank));
        (self.taken, self.reserves)
    }
}
