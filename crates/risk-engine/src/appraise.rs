//! Appraisal: the estimate of a subject, its grade, and how both are written out.

use crate::assessment::{Assessment, Decided, EvidenceCount, Interval};
use crate::event_time::Epoch;
use crate::evidence::{Stratum, Tallies};
use crate::grade;
use crate::outlook::{Estimate, Law, Outlook};
use crate::step::Engine;
use crate::subjects::SubjectIx;
use compact_str::CompactString;
use risk_domain::ids::{SectorCode, ZoneId};
use risk_domain::scales::RiskLevel;
use risk_domain::subject::{Subject, SubjectKind};
use risk_domain::time::{Day, Timestamp};
use risk_stats::decay::DecayAt;
use risk_stats::special::sigmoid;
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// 97.5 % quantile of the standard normal.
const NORMAL_975: f64 = 1.959_963_984_540_054;

/// How grave a product's failures are expected to be（严重度分布）, and the cuts of θ that follow: what
/// holds of who sells it while none of their own failures says otherwise.
#[derive(Debug, Clone, Copy)]
struct Expected {
    /// What the catalogue says.
    catalogue: [f64; 4],
    /// Its failures by severity, whoever sold it.
    failures: [f64; 4],
    /// Both together.
    severity_mix: [f64; 4],
    cuts: [f64; 3],
}

/// When it is judged, and what is then expected of every product; found once a close, used by every
/// judgement.
#[derive(Debug)]
pub(crate) struct Occasion {
    epoch: Epoch,
    day: Day,
    decay: DecayAt,
    /// By the product's number within its kind.
    of_product: Vec<Expected>,
    otherwise: Expected,
    policy_hash: Arc<str>,
}

/// Where many subjects stand together, made on first need: zones of what was seen in one innermost
/// zone, sectors of what was seen with one product.
#[derive(Debug, Default)]
pub(crate) struct Surroundings {
    zones: BTreeMap<SubjectIx, Arc<BTreeSet<ZoneId>>>,
    sectors: BTreeMap<SubjectIx, Arc<BTreeSet<SectorCode>>>,
}

/// What was judged of a subject, before it is written out.
pub(crate) struct Judged {
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
    /// What every judgement at the end of an epoch needs.
    pub(crate) fn occasion(&self, epoch: Epoch) -> Occasion {
        let day = self.calendar.day_of(epoch);
        let decay = self.decay.at(day.get());
        let prior = &self.policy.prior;
        let expected = |catalogue: [f64; 4], failures: [f64; 4]| {
            let severity_mix = mixed(&catalogue, &failures, prior.severity_concentration);
            Expected {
                catalogue,
                failures,
                severity_mix,
                cuts: self.bounds.cuts(&self.policy.grade, &severity_mix),
            }
        };
        let of_product = self.subjects.products().map(|(product, code)| {
            let catalogue = self.taxonomy.severity_mix(code);
            let failures = failures_by_severity(&self.state(product).tallies, decay);
            expected(catalogue.unwrap_or(prior.severity_mix), failures)
        });
        Occasion {
            epoch,
            day,
            decay,
            of_product: of_product.collect(),
            otherwise: expected(prior.severity_mix, [0.0; 4]),
            policy_hash: Arc::from(self.policy.hash.as_str()),
        }
    }

    fn expected<'a>(&self, occasion: &'a Occasion, subject: SubjectIx) -> &'a Expected {
        let product = self.subjects.kin(subject).resembles;
        let number = product.map(|product| self.subjects.ordinal(product) as usize);
        let known = number.and_then(|number| occasion.of_product.get(number));
        known.unwrap_or(&occasion.otherwise)
    }

    /// Shares of severities 1 to 4 among a subject's failures, and the cuts that follow: its own
    /// failures on what those of the product at others let expect. A product's all are its own.
    fn severity(
        &self,
        occasion: &Occasion,
        subject: SubjectIx,
        tallies: &Tallies,
    ) -> ([f64; 4], [f64; 3]) {
        let expected = self.expected(occasion, subject);
        if !tallies.has_severity() {
            return (expected.severity_mix, expected.cuts);
        }
        let own = failures_by_severity(tallies, occasion.decay);
        let mut others = expected.failures;
        for (of_product, own) in others.iter_mut().zip(own) {
            // Of several products, only what is this one's can be taken out.
            *of_product = (*of_product - own).max(0.0);
        }
        let concentration = self.policy.prior.severity_concentration;
        let elsewhere = mixed(&expected.catalogue, &others, concentration);
        let mix = mixed(&elsewhere, &own, concentration);
        (mix, self.bounds.cuts(&self.policy.grade, &mix))
    }

    /// Judges a subject at a close; `Some` when its level, a flag or its band changed.
    pub(crate) fn judge(
        &self,
        outlook: &Outlook<'_>,
        occasion: &Occasion,
        subject: SubjectIx,
    ) -> Option<Judged> {
        let state = self.state(subject);
        let law = outlook.law(subject)?;
        let judged = self.appraise(law, &state.tallies, occasion, subject);
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
        (!same).then_some(judged)
    }

    /// Writes out what was judged of a subject at a close.
    pub(crate) fn written_out(
        &self,
        outlook: &Outlook<'_>,
        (occasion, around): (&Occasion, &mut Surroundings),
        subject: SubjectIx,
        judged: &Judged,
    ) -> Option<Assessment> {
        let estimate = outlook.estimate(subject)?;
        let tallies = &self.state(subject).tallies;
        Some(self.write_out((occasion, around), subject, &estimate, judged, tallies))
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
        let outlook = self.outlook(Some((&open, &fresh))).of_all(&[at]);
        let closed = outlook.estimate(at);
        let own = || outlook.of_targets(&targets);
        let estimate = match self.subjects.kind(at) {
            SubjectKind::Cell | SubjectKind::Enterprise | SubjectKind::Site => own(),
            // Before its first close there is nothing but what is open.
            SubjectKind::Product | SubjectKind::Zone | SubjectKind::Sector => closed.or_else(own),
        }?;
        let last = self.last_closed.unwrap_or(Epoch(i64::MIN));
        let epoch = self.calendar.epoch_of(now).max(last);
        let occasion = self.occasion(epoch);
        let judged = self.appraise(estimate.law, &tallies, &occasion, at);
        let around = &mut Surroundings::default();
        Some(self.write_out((&occasion, around), at, &estimate, &judged, &tallies))
    }

    fn appraise(
        &self,
        law: Law,
        tallies: &Tallies,
        occasion: &Occasion,
        subject: SubjectIx,
    ) -> Judged {
        let policy = &self.policy;
        let at = occasion.decay;
        let (severity_mix, cuts) = self.severity(occasion, subject, tallies);
        let standing = self.state(subject).standing;
        let excess = grade::Excess::new(cuts, law.log_odds, libm::sqrt(law.variance));
        let grade = self
            .bounds
            .decide(excess, standing.map(|standing| standing.estimated));
        let name = self.subjects.name(subject);
        let decision = self
            .decisions
            .rule(name, grade.level, occasion.epoch, occasion.day);
        let doublings = law.log_odds / std::f64::consts::LN_2;
        // A band is left only by more than a quarter beyond its edge, so that noise does not move it.
        let band = standing
            .map(|standing| standing.band)
            .filter(|band| (doublings - f64::from(*band) - 0.5).abs() <= 0.75)
            .unwrap_or(libm::floor(doublings) as i32);
        let own = own_tests(tallies, policy.model.screen_information, at);
        Judged {
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
        law: Law,
        tallies: &Tallies,
        occasion: &Occasion,
        subject: SubjectIx,
    ) -> RiskLevel {
        self.appraise(law, tallies, occasion, subject).grade.level
    }

    fn write_out(
        &self,
        (occasion, around): (&Occasion, &mut Surroundings),
        subject: SubjectIx,
        estimate: &Estimate,
        judged: &Judged,
        tallies: &Tallies,
    ) -> Assessment {
        let Law { log_odds, variance } = estimate.law;
        // The same normal law of the log-odds that the grade's probabilities come from.
        let reach = NORMAL_975 * libm::sqrt(variance);
        let mut evidence = BTreeMap::new();
        for (stratum, results, nonconforming) in tallies.counts() {
            let count = EvidenceCount {
                results,
                nonconforming,
            };
            if results != 0 {
                evidence.insert(CompactString::const_new(stratum.code()), count);
            }
        }
        Assessment {
            subject: self.subjects.name(subject).clone(),
            zones: self.zones_of(around, subject),
            sectors: self.sectors_of(around, subject),
            epoch: occasion.epoch,
            level: judged
                .decision
                .as_ref()
                .map_or(judged.grade.level, |decided| decided.level),
            decision: judged.decision.clone(),
            watch: judged.grade.watch,
            inherited: judged.inherited,
            band: judged.band,
            probability: estimate.probability,
            interval: Interval {
                lower: sigmoid(log_odds - reach),
                upper: sigmoid(log_odds + reach),
            },
            log_odds,
            variance,
            at_least: judged.excess.at_least(),
            severity_mix: judged.severity_mix,
            contributions: estimate.contributions(),
            evidence,
            policy_version: self.policy.version.clone(),
            policy_hash: Arc::clone(&occasion.policy_hash),
            model_version: CompactString::const_new(crate::MODEL_VERSION),
            snapshot: self.model.in_force.map(|in_force| in_force.epoch),
        }
    }

    /// The zones that a subject was seen in, with everything they lie in.
    fn zones_of(&self, around: &mut Surroundings, subject: SubjectIx) -> Arc<BTreeSet<ZoneId>> {
        let own = [subject];
        let innermost = match self.subjects.kind(subject) {
            SubjectKind::Zone => own.as_slice(),
            SubjectKind::Enterprise | SubjectKind::Site | SubjectKind::Cell => {
                self.subjects.kin(subject).zones.as_slice()
            }
            SubjectKind::Product | SubjectKind::Sector => &[],
        };
        let of = |innermost: &[SubjectIx]| {
            let zones = innermost.iter();
            let path = zones.flat_map(|zone| self.subjects.zone_and_above(*zone));
            let zones = path.filter_map(|zone| match self.subjects.name(zone) {
                Subject::Zone(id) => Some(id.clone()),
                Subject::Product(_)
                | Subject::Enterprise(_)
                | Subject::Site(_)
                | Subject::Sector(_)
                | Subject::Cell(..) => None,
            });
            Arc::new(zones.collect())
        };
        match innermost {
            [zone] => Arc::clone(around.zones.entry(*zone).or_insert_with(|| of(&[*zone]))),
            several => of(several),
        }
    }

    /// The sectors that a subject was seen in.
    fn sectors_of(
        &self,
        around: &mut Surroundings,
        subject: SubjectIx,
    ) -> Arc<BTreeSet<SectorCode>> {
        let name = self.subjects.name(subject);
        if let Subject::Sector(id) = name {
            return Arc::new(BTreeSet::from([id.clone()]));
        }
        let own = [subject];
        let products: SmallVec<[SubjectIx; 4]> = match self.subjects.kind(subject) {
            SubjectKind::Product => SmallVec::from_slice(&own),
            SubjectKind::Cell | SubjectKind::Enterprise | SubjectKind::Site => {
                let targets = self.subjects.kin(subject).targets.iter();
                let above = targets.map(|target| self.subjects.base(*target).above);
                let products = above.filter_map(|above| self.subjects.above(above).first());
                products.copied().collect()
            }
            SubjectKind::Zone | SubjectKind::Sector => SmallVec::new(),
        };
        let of = |products: &[SubjectIx]| {
            let sectors = products.iter().filter_map(|product| {
                let Subject::Product(code) = self.subjects.name(*product) else {
                    return None;
                };
                self.taxonomy.sector_of(code).cloned()
            });
            Arc::new(sectors.collect())
        };
        match products.as_slice() {
            [product] => Arc::clone(
                around
                    .sectors
                    .entry(*product)
                    .or_insert_with(|| of(&[*product])),
            ),
            several => of(several),
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
    let weighed = tallies.sums().map(|tally| (weight(tally.stratum), tally));
    let tests = weighed.filter(|(weight, _)| *weight > 0.0);
    tests
        .map(|(weight, tally)| weight * at.value(tally.generation, tally.weight))
        .sum()
}

/// Failures by the severity of their worst item, decayed.
fn failures_by_severity(tallies: &Tallies, at: DecayAt) -> [f64; 4] {
    let mut failures = [0.0; 4];
    for tally in tallies.sums() {
        if let Stratum::Severity(severity) = tally.stratum {
            failures[severity.index()] += at.value(tally.generation, tally.nonconforming_weight);
        }
    }
    failures
}

/// Shares of severities by a Dirichlet prior that is worth so many failures, and failures on it.
fn mixed(prior: &[f64; 4], failures: &[f64; 4], concentration: f64) -> [f64; 4] {
    let total = concentration + failures.iter().sum::<f64>();
    let mut mix = prior.map(|share| concentration * share);
    for (share, failures) in mix.iter_mut().zip(failures) {
        *share = (*share + failures) / total;
    }
    mix
}
