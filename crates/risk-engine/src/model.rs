//! The first estimate: each subject's record, shrunk towards what its parents let expect.
//!
//! A subject with prior mean m, worth M tests, and n decayed tests of which d failed has the
//! posterior Beta(M·m + d, M·(1−m) + n − d). Its log-odds are the sum of what the city, the sector,
//! the product, the enterprise and its own record add; M is fitted by maximum likelihood of the
//! beta-binomial at weekly closes, per kind of subject.

use crate::assessment::{Contribution, Part, Snapshot};
use crate::event_time::Epoch;
use crate::evidence::{Stratum, Tallies};
use crate::policy::{EvidencePolicy, Policy, PriorPolicy};
use crate::subjects::{SubjectIx, Subjects};
use risk_domain::scales::Severity;
use risk_domain::subject::{Subject, SubjectKind};
use risk_domain::time::Day;
use risk_stats::decay::ForwardDecay;
use risk_stats::shrink::{BetaPosterior, fit_concentration};
use risk_stats::special::{logit, sigmoid};
use std::collections::BTreeMap;

/// Subjects of one kind used at most to fit a concentration; taken by a hash of their names.
const FIT_SAMPLE: usize = 1_000;

/// The parameters in force, by subject number.
#[derive(Debug, Clone)]
pub(crate) struct Parameters {
    pub(crate) fitted: Option<Epoch>,
    base: f64,
    rates: Vec<Option<f64>>,
    concentrations: BTreeMap<SubjectKind, f64>,
    default_concentration: f64,
}

impl Parameters {
    /// The policy's prior, before any fit.
    pub(crate) fn prior(policy: &PriorPolicy) -> Self {
        Self {
            fitted: None,
            base: policy.failure_rate,
            rates: Vec::new(),
            concentrations: BTreeMap::new(),
            default_concentration: policy.concentration,
        }
    }

    /// The parameters of a snapshot.
    pub(crate) fn of_snapshot(
        snapshot: &Snapshot,
        subjects: &Subjects,
        policy: &PriorPolicy,
    ) -> Self {
        let mut rates = vec![None; subjects.len()];
        for (name, rate) in &snapshot.rates {
            let found = name
                .parse()
                .ok()
                .and_then(|subject: Subject| subjects.find(&subject));
            if let Some(slot) = found.and_then(|at| rates.get_mut(at.0 as usize)) {
                *slot = Some(*rate);
            }
        }
        let kinds = snapshot.concentrations.iter();
        Self {
            fitted: Some(snapshot.epoch),
            base: snapshot.failure_rate,
            rates,
            concentrations: kinds
                .filter_map(|(kind, value)| Some((SubjectKind::from_code(kind)?, *value)))
                .collect(),
            default_concentration: policy.concentration,
        }
    }

    fn rate(&self, subject: SubjectIx) -> f64 {
        self.rates
            .get(subject.0 as usize)
            .copied()
            .flatten()
            .unwrap_or(self.base)
    }

    fn concentration(&self, kind: SubjectKind) -> f64 {
        self.concentrations
            .get(&kind)
            .copied()
            .unwrap_or(self.default_concentration)
    }
}

/// Decayed tests and failures, pooled over the strata by the policy's weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pooled {
    pub(crate) tests: f64,
    pub(crate) failures: f64,
}

/// Pools a subject's strata. A laboratory result counts as it is. An unverified screen counts J²
/// tests and J·(y + Sp − 1) failures, which is unbiased for θ and weighs a screen by its information.
pub(crate) fn pool(
    tallies: &Tallies,
    policy: &EvidencePolicy,
    decay: &ForwardDecay,
    at: Day,
) -> Pooled {
    let mut pooled = Pooled {
        tests: 0.0,
        failures: 0.0,
    };
    for stratum in Stratum::ALL {
        let weight = policy.weight(stratum);
        if weight > 0.0 {
            let (n, d) = tallies.decayed(stratum, decay, at);
            pooled.tests += weight * n;
            pooled.failures += weight * d;
        }
    }
    let (screens, positives) = tallies.decayed(Stratum::FastScreen, decay, at);
    let youden = policy.youden();
    pooled.tests += youden * youden * screens;
    pooled.failures += youden * (positives - (1.0 - policy.specificity) * screens);
    pooled.failures = pooled.failures.clamp(0.0, pooled.tests.max(0.0));
    pooled
}

/// What is estimated of one subject.
#[derive(Debug, Clone)]
pub(crate) struct Estimate {
    pub(crate) contributions: Vec<Contribution>,
    pub(crate) posterior: BetaPosterior,
    /// Sum of the contributions.
    pub(crate) log_odds: f64,
    pub(crate) tests: f64,
}

/// What the estimator looks at: tallies by subject number, at a day, under parameters.
#[derive(Clone, Copy)]
pub(crate) struct View<'a, 'p> {
    pub(crate) subjects: &'a Subjects,
    pub(crate) tallies: &'a dyn Fn(SubjectIx) -> &'a Tallies,
    pub(crate) parameters: &'p Parameters,
    pub(crate) policy: &'a Policy,
    pub(crate) decay: &'a ForwardDecay,
    pub(crate) at: Day,
}

impl View<'_, '_> {
    fn pooled(&self, subject: SubjectIx) -> Pooled {
        pool(
            (self.tallies)(subject),
            &self.policy.evidence,
            self.decay,
            self.at,
        )
    }

    /// Estimates one subject; `None` where it has no own evidence.
    pub(crate) fn estimate(&self, subject: SubjectIx) -> Option<Estimate> {
        let own = self.pooled(subject);
        if own.tests <= 0.0 {
            return None;
        }
        let kind = self.subjects.name(subject).kind();
        let mut contributions = vec![Contribution {
            part: Part::Base,
            log_odds: logit(self.parameters.base),
        }];
        contributions.extend(self.expected(subject, kind, own));
        let prior: f64 = contributions.iter().map(|part| part.log_odds).sum();
        let mean = sigmoid(prior).clamp(1e-9, 1.0 - 1e-9);
        let strength = self.parameters.concentration(kind);
        let posterior = BetaPosterior::new(
            strength * mean + own.failures,
            strength * (1.0 - mean) + own.tests - own.failures,
        )
        .ok()?;
        let own_record = logit(posterior.mean()) - prior;
        contributions.push(Contribution {
            part: Part::OwnRecord,
            log_odds: own_record,
        });
        let log_odds = contributions.iter().map(|part| part.log_odds).sum();
        Some(Estimate {
            contributions,
            posterior,
            log_odds,
            tests: own.tests,
        })
    }

    /// What a subject's parents let expect, beyond the base.
    fn expected(&self, subject: SubjectIx, kind: SubjectKind, own: Pooled) -> Vec<Contribution> {
        let base = logit(self.parameters.base);
        let parents = &self.subjects.kin(subject).parents;
        let above = |part, parent: Option<&SubjectIx>| {
            let log_odds = parent.map_or(0.0, |parent| logit(self.parameters.rate(*parent)) - base);
            Contribution { part, log_odds }
        };
        match kind {
            SubjectKind::Sector => Vec::new(),
            SubjectKind::Product => vec![above(Part::Sector, parents.first())],
            SubjectKind::Zone => vec![above(Part::Zone, parents.first())],
            SubjectKind::Enterprise | SubjectKind::Site => {
                let mix = self.assortment(&self.subjects.kin(subject).cells, None, 1.0);
                let log_odds = mix.map_or(0.0, |rate| logit(rate) - base);
                vec![Contribution {
                    part: Part::Assortment,
                    log_odds,
                }]
            }
            SubjectKind::Cell => {
                let product = parents.first();
                let sector =
                    product.and_then(|product| self.subjects.kin(*product).parents.first());
                let of_sector = above(Part::Sector, sector);
                let mut of_product = above(Part::Product, product);
                of_product.log_odds -= of_sector.log_odds;
                let others = parents
                    .get(1)
                    .map_or(0.0, |enterprise| self.others(*enterprise, subject, own));
                let of_enterprise = Contribution {
                    part: Part::Enterprise,
                    log_odds: others,
                };
                vec![of_sector, of_product, of_enterprise]
            }
        }
    }

    /// Mean of the products' rates over cells, weighed by their tests plus `floor`, without `but`.
    fn assortment(&self, cells: &[SubjectIx], but: Option<SubjectIx>, floor: f64) -> Option<f64> {
        let (mut weights, mut rates) = (0.0, 0.0);
        for cell in cells.iter().filter(|cell| Some(**cell) != but) {
            let weight = self.pooled(*cell).tests + floor;
            let product = self.subjects.kin(*cell).parents.first();
            weights += weight;
            rates += weight
                * product.map_or(self.parameters.base, |product| {
                    self.parameters.rate(*product)
                });
        }
        (weights > 0.0).then(|| rates / weights)
    }

    /// How an enterprise's other products fared against what they let expect.
    fn others(&self, enterprise: SubjectIx, cell: SubjectIx, own: Pooled) -> f64 {
        let cells = &self.subjects.kin(enterprise).cells;
        if cells.len() < 2 {
            return 0.0;
        }
        let all = self.pooled(enterprise);
        let tests = all.tests - own.tests;
        let failures = (all.failures - own.failures).clamp(0.0, tests.max(0.0));
        match self.assortment(cells, Some(cell), 0.0) {
            Some(expected) if tests > 1e-9 => {
                let strength = self.parameters.concentration(SubjectKind::Enterprise);
                logit((strength * expected + failures) / (strength + tests)) - logit(expected)
            }
            Some(_) | None => 0.0,
        }
    }

    /// Fits the parameters that apply from the next epoch on.
    pub(crate) fn fit(&self, epoch: Epoch, name_hash: impl Fn(SubjectIx) -> u64) -> Snapshot {
        let prior = &self.policy.prior;
        let mut by_kind: BTreeMap<SubjectKind, Vec<SubjectIx>> = BTreeMap::new();
        let counted = |subject: &SubjectIx| (self.tallies)(*subject).iter().next().is_some();
        for subject in self.subjects.all().filter(counted) {
            let name = self.subjects.name(subject);
            by_kind.entry(name.kind()).or_default().push(subject);
        }
        // Whatever number a subject got, it is visited in the order of its name.
        for subjects in by_kind.values_mut() {
            let stride = subjects.len().div_ceil(FIT_SAMPLE) as u64;
            let rates_all = matches!(
                self.subjects.name(subjects[0]).kind(),
                SubjectKind::Sector | SubjectKind::Product | SubjectKind::Zone
            );
            subjects.retain(|subject| rates_all || name_hash(*subject).is_multiple_of(stride));
            subjects.sort_by(|one, other| self.subjects.name(*one).cmp(self.subjects.name(*other)));
        }
        let of_kind = |kind| by_kind.get(&kind).map_or(&[][..], Vec::as_slice);
        let city = of_kind(SubjectKind::Product)
            .iter()
            .map(|product| self.pooled(*product));
        let city = city.fold((0.0, 0.0), |(n, d), own| (n + own.tests, d + own.failures));
        let failure_rate =
            (prior.concentration * prior.failure_rate + city.1) / (prior.concentration + city.0);
        let mut fitting = Parameters {
            base: failure_rate,
            fitted: Some(epoch),
            ..Parameters::prior(prior)
        };
        fitting.rates = vec![None; self.subjects.len()];

        let mut rates = BTreeMap::new();
        let order = [
            SubjectKind::Sector,
            SubjectKind::Product,
            SubjectKind::Zone,
            SubjectKind::Enterprise,
            SubjectKind::Site,
            SubjectKind::Cell,
        ];
        for kind in order {
            let subjects = of_kind(kind);
            let view = View {
                parameters: &fitting,
                ..*self
            };
            let concentration = view.fit_kind(subjects, prior);
            fitting.concentrations.insert(kind, concentration);
            if matches!(
                kind,
                SubjectKind::Sector | SubjectKind::Product | SubjectKind::Zone
            ) {
                let view = View {
                    parameters: &fitting,
                    ..*self
                };
                let estimated: Vec<(SubjectIx, f64)> = subjects
                    .iter()
                    .filter_map(|at| Some((*at, view.estimate(*at)?.posterior.mean())))
                    .collect();
                for (at, rate) in estimated {
                    rates.insert(self.subjects.name(at).to_string(), rate);
                    fitting.rates[at.0 as usize] = Some(rate);
                }
            }
        }
        let concentrations = fitting
            .concentrations
            .iter()
            .map(|(kind, value)| (kind.code().to_owned(), *value))
            .collect();
        Snapshot {
            epoch,
            failure_rate,
            rates,
            concentrations,
        }
    }

    fn fit_kind(&self, subjects: &[SubjectIx], prior: &PriorPolicy) -> f64 {
        let base = logit(self.parameters.base);
        let (mut means, mut tests, mut failures) = (Vec::new(), Vec::new(), Vec::new());
        for subject in subjects {
            let own = self.pooled(*subject);
            if own.tests > 0.0 {
                let kind = self.subjects.name(*subject).kind();
                let parts = self.expected(*subject, kind, own);
                let expected: f64 = parts.iter().map(|part| part.log_odds).sum();
                means.push(sigmoid(base + expected).clamp(1e-9, 1.0 - 1e-9));
                tests.push(own.tests);
                failures.push(own.failures);
            }
        }
        // One group says nothing of how much groups differ.
        if means.len() < 2 {
            return prior.concentration;
        }
        let (least, most) = prior.concentration_range;
        fit_concentration(&means, &tests, &failures)
            .map_or(prior.concentration, |fit| fit.clamp(least, most))
    }
}

/// Shares of severities 1 to 4 among a subject's failures: counts on a Dirichlet prior.
pub(crate) fn severity_mix(
    tallies: &Tallies,
    prior: &[f64; 4],
    policy: &PriorPolicy,
    decay: &ForwardDecay,
    at: Day,
) -> [f64; 4] {
    let counts =
        Severity::ALL.map(|severity| tallies.decayed(Stratum::Severity(severity), decay, at).1);
    let total: f64 = counts.iter().sum::<f64>() + policy.severity_concentration;
    let mut mix = [0.0; 4];
    for (share, (prior, count)) in mix.iter_mut().zip(prior.iter().zip(counts)) {
        *share = (policy.severity_concentration * prior + count) / total;
    }
    mix
}
