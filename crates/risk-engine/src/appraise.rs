//! Appraisal: the estimate of a subject, its grade, and how both are written out.

use crate::assessment::{Assessment, Decided, EvidenceCount, Interval};
use crate::event_time::Epoch;
use crate::evidence::{Stratum, Tallies};
use crate::grade;
use crate::outlook::{Estimate, Outlook};
use crate::policy::PriorPolicy;
use crate::step::Engine;
use crate::subjects::SubjectIx;
use compact_str::CompactString;
use risk_domain::ids::{ProductCode, SectorCode, ZoneId};
use risk_domain::scales::RiskLevel;
use risk_domain::subject::{Subject, SubjectKind};
use risk_domain::time::Timestamp;
use risk_stats::decay::DecayAt;
use risk_stats::special::sigmoid;
use std::collections::{BTreeMap, BTreeSet};

/// 97.5 % quantile of the standard normal.
const NORMAL_975: f64 = 1.959_963_984_540_054;

/// The severities that the catalogue lets expect of a product's failures, and the cuts of θ that
/// follow while no failure has said otherwise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    severity_mix: [f64; 4],
    cuts: [f64; 3],
}

/// What is expected of every product; looked up once a close, used by every judgement.
#[derive(Debug)]
pub(crate) struct Expectations {
    of_product: BTreeMap<SubjectIx, Expected>,
    otherwise: Expected,
}

impl Expectations {
    fn of(&self, product: Option<SubjectIx>) -> &Expected {
        let found = product.and_then(|product| self.of_product.get(&product));
        found.unwrap_or(&self.otherwise)
    }
}

/// What was judged of a subject, before it is written out.
struct Judged {
    estimate: Estimate,
    severity_mix: [f64; 4],
    excess: grade::Excess,
    /// As estimated.
    grade: grade::Grade,
    /// What officers made of it.
    decision: Option<Decided>,
    inherited: bool,
    band: i32,
}

impl Engine {
    /// What the catalogue and the policy let expect of every product.
    pub(crate) fn expectations(&self) -> Expectations {
        let expected = |severity_mix: [f64; 4]| Expected {
            severity_mix,
            cuts: self.bounds.cuts(&self.policy.grade, &severity_mix),
        };
        let products = self.subjects.products().filter_map(|(at, code)| {
            let mix = self.taxonomy.severity_mix(code)?;
            Some((at, expected(mix)))
        });
        Expectations {
            of_product: products.collect(),
            otherwise: expected(self.policy.prior.severity_mix),
        }
    }

    /// Judges a subject at a close; `Some` when its level, a flag or its band changed.
    pub(crate) fn judge(
        &self,
        outlook: &Outlook<'_>,
        expectations: &Expectations,
        subject: SubjectIx,
        epoch: Epoch,
    ) -> Option<Assessment> {
        let state = self.state(subject);
        let estimate = outlook.estimate(subject)?;
        let judged = self.appraise(estimate, &state.tallies, expectations, subject, epoch);
        let same = state.standing.is_some_and(|standing| {
            (
                (standing.estimated, standing.decided),
                standing.watch,
                standing.inherited,
                standing.band,
            ) == (
                (judged.grade.level, decided(judged.decision.as_ref())),
                judged.grade.watch,
                judged.inherited,
                judged.band,
            )
        });
        (!same).then(|| self.write_out(subject, epoch, &judged, &state.tallies))
    }

    /// The estimate of a subject from all evidence so far, closed or not, under the parameters of
    /// the last close. It is shown as provisional and never stored.
    pub fn provisional(&self, subject: &Subject, now: Timestamp) -> Option<Assessment> {
        let at = self.subjects.find(subject)?;
        let open_rows = || self.pending.iter().chain(self.families.open_rows());
        let mut tallies = self.state(at).tallies.clone();
        let mut fresh = Vec::new();
        for (_, row) in open_rows() {
            if self.subjects.touched(row.base).any(|touched| touched == at) {
                tallies.add(row, &self.decay);
                fresh.push(row.base);
            }
        }
        let mut targets = self.subjects.kin(at).targets.to_vec();
        targets.extend(&fresh);
        for targets in [&mut targets, &mut fresh] {
            targets.sort_unstable();
            targets.dedup();
        }
        let open = self
            .model
            .open(open_rows().map(|(_, row)| row), &self.subjects);
        let outlook = self.outlook(Some((&open, &fresh)), &[at]);
        let closed = outlook.estimate(at);
        let own = || outlook.of_targets(&targets);
        let estimate = match self.subjects.kind(at) {
            SubjectKind::Cell | SubjectKind::Enterprise | SubjectKind::Site => own(),
            // Before its first close there is nothing but what is open.
            SubjectKind::Product | SubjectKind::Zone | SubjectKind::Sector => closed.or_else(own),
        }?;
        let last = self.last_closed.unwrap_or(Epoch(i64::MIN));
        let epoch = self.calendar.epoch_of(now).max(last);
        let judged = self.appraise(estimate, &tallies, &self.expectations(), at, epoch);
        Some(self.write_out(at, epoch, &judged, &tallies))
    }

    fn appraise(
        &self,
        estimate: Estimate,
        tallies: &Tallies,
        expectations: &Expectations,
        subject: SubjectIx,
        epoch: Epoch,
    ) -> Judged {
        let policy = &self.policy;
        let at = self.decay.at(self.calendar.day_of(epoch).get());
        let expected = expectations.of(self.subjects.kin(subject).resembles);
        let (severity_mix, cuts) = if tallies.has_severity() {
            let mix = severity_mix(tallies, &expected.severity_mix, &policy.prior, at);
            (mix, self.bounds.cuts(&policy.grade, &mix))
        } else {
            (expected.severity_mix, expected.cuts)
        };
        let standing = self.state(subject).standing;
        let excess = grade::Excess::new(cuts, estimate.log_odds, libm::sqrt(estimate.variance));
        let grade = self
            .bounds
            .decide(excess, standing.map(|standing| standing.estimated));
        let decision = self.decisions.rule(
            self.subjects.name(subject),
            grade.level,
            epoch,
            self.calendar.day_of(epoch),
        );
        let doublings = estimate.log_odds / std::f64::consts::LN_2;
        // A band is left only by more than a quarter beyond its edge, so that noise does not move it.
        let band = standing
            .map(|standing| standing.band)
            .filter(|band| (doublings - f64::from(*band) - 0.5).abs() <= 0.75)
            .unwrap_or(libm::floor(doublings) as i32);
        let own = own_tests(tallies, policy.model.screen_information, at);
        Judged {
            estimate,
            severity_mix,
            excess,
            grade,
            decision,
            inherited: own < policy.grade.inherited_below,
            band,
        }
    }

    /// The level that would be estimated.
    pub(crate) fn level_of(
        &self,
        estimate: Estimate,
        tallies: &Tallies,
        expectations: &Expectations,
        subject: SubjectIx,
        epoch: Epoch,
    ) -> RiskLevel {
        self.appraise(estimate, tallies, expectations, subject, epoch)
            .grade
            .level
    }

    fn write_out(
        &self,
        subject: SubjectIx,
        epoch: Epoch,
        judged: &Judged,
        tallies: &Tallies,
    ) -> Assessment {
        // The same normal law of the log-odds that the grade's probabilities come from.
        let reach = NORMAL_975 * libm::sqrt(judged.estimate.variance);
        let evidence = Stratum::ALL.into_iter().filter_map(|stratum| {
            let (results, nonconforming) = tallies.counts(stratum);
            let count = EvidenceCount {
                results,
                nonconforming,
            };
            (results != 0).then(|| (CompactString::const_new(stratum.code()), count))
        });
        Assessment {
            subject: self.subjects.name(subject).clone(),
            zones: self.zones_of(subject),
            sectors: self.sectors_of(subject),
            epoch,
            level: judged
                .decision
                .as_ref()
                .map_or(judged.grade.level, |decided| decided.level),
            decision: judged.decision.clone(),
            watch: judged.grade.watch,
            inherited: judged.inherited,
            band: judged.band,
            probability: judged.estimate.probability,
            interval: Interval {
                lower: sigmoid(judged.estimate.log_odds - reach),
                upper: sigmoid(judged.estimate.log_odds + reach),
            },
            log_odds: judged.estimate.log_odds,
            variance: judged.estimate.variance,
            at_least: judged.excess.at_least(),
            severity_mix: judged.severity_mix,
            contributions: judged.estimate.contributions().collect(),
            evidence: evidence.collect(),
            policy_version: self.policy.version.clone(),
            policy_hash: CompactString::new(&self.policy.hash),
            model_version: CompactString::const_new(crate::MODEL_VERSION),
            snapshot: self.model.in_force.map(|in_force| in_force.epoch),
        }
    }

    fn zones_of(&self, subject: SubjectIx) -> BTreeSet<ZoneId> {
        let innermost = match self.subjects.name(subject) {
            Subject::Zone(_) => vec![subject],
            Subject::Enterprise(_) | Subject::Site(_) | Subject::Cell(..) => {
                self.subjects.kin(subject).zones.to_vec()
            }
            Subject::Product(_) | Subject::Sector(_) => Vec::new(),
        };
        let path = innermost
            .into_iter()
            .flat_map(|zone| self.subjects.zone_and_above(zone));
        path.filter_map(|zone| match self.subjects.name(zone) {
            Subject::Zone(id) => Some(id.clone()),
            Subject::Product(_)
            | Subject::Enterprise(_)
            | Subject::Site(_)
            | Subject::Sector(_)
            | Subject::Cell(..) => None,
        })
        .collect()
    }

    fn sectors_of(&self, subject: SubjectIx) -> BTreeSet<SectorCode> {
        let sector = |product: &ProductCode| self.taxonomy.sector_of(product).cloned();
        match self.subjects.name(subject) {
            Subject::Sector(id) => BTreeSet::from([id.clone()]),
            Subject::Product(product) | Subject::Cell(_, product) => {
                sector(product).into_iter().collect()
            }
            Subject::Enterprise(_) | Subject::Site(_) => {
                let targets = self.subjects.kin(subject).targets.iter();
                let cells = targets.map(|target| self.subjects.base(*target).cell);
                cells.flat_map(|cell| self.sectors_of(cell)).collect()
            }
            Subject::Zone(_) => BTreeSet::new(),
        }
    }
}

/// What stands of a decision: 64 bits of it, 0 for none.
pub(crate) fn decided(decision: Option<&Decided>) -> u64 {
    decision.map_or(0, |decided| {
        let level = decided.level.code();
        xxhash_rust::xxh3::xxh3_64(format!("{} {level}", decided.command_id).as_bytes())
    })
}

/// Own evidence in tests. An unverified screen tells as much as J² tests of a laboratory, J being
/// sensitivity + specificity − 1.
fn own_tests(tallies: &Tallies, screen_information: f64, at: DecayAt) -> f64 {
    let weight = |stratum| match stratum {
        Stratum::RiskEvaluation
        | Stratum::SupervisoryCheck
        | Stratum::SpecialCheck
        | Stratum::FastVerified
        | Stratum::EnforcementTest => 1.0,
        Stratum::FastScreen => screen_information,
        Stratum::FollowUp | Stratum::Refusal | Stratum::Severity(_) => 0.0,
    };
    let tests = tallies.decayed(at);
    tests
        .map(|(stratum, results, _)| weight(stratum) * results)
        .sum()
}

/// Shares of severities 1 to 4 among a subject's failures: counts on a Dirichlet prior.
fn severity_mix(
    tallies: &Tallies,
    prior: &[f64; 4],
    policy: &PriorPolicy,
    at: DecayAt,
) -> [f64; 4] {
    let mut mix = prior.map(|share| policy.severity_concentration * share);
    let mut total = policy.severity_concentration;
    for (stratum, _, failures) in tallies.decayed(at) {
        if let Stratum::Severity(severity) = stratum {
            mix[severity.index()] += failures;
            total += failures;
        }
    }
    mix.map(|share| share / total)
}
