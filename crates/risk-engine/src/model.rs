//! The first estimate: each subject's record, shrunk towards what its parents let expect.
//!
//! A subject with prior mean m, worth M tests, and n decayed tests of which d failed has the
//! posterior Beta(M·m + d, M·(1−m) + n − d). Its log-odds are the sum of what the city, the sector,
//! the product, the enterprise and its own record add; M is fitted to the beta-binomial at
//! weekly closes, per kind of subject, around the policy's prior.

use crate::assessment::{Contribution, Part, Snapshot};
use crate::event_time::Epoch;
use crate::evidence::{Stratum, Tallies};
use crate::policy::{EvidencePolicy, Policy, PriorPolicy};
use crate::subjects::{SubjectIx, Subjects};
use risk_domain::subject::{Subject, SubjectKind};
use risk_stats::decay::DecayAt;
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
    base_log_odds: f64,
    /// Rate and its log-odds of sectors, products and zones.
    rates: Vec<Option<(f64, f64)>>,
    /// Prior tests a parent's rate is worth, in the order of [`SubjectKind`].
    concentrations: [f64; SubjectKind::ALL.len()],
}

impl Parameters {
    /// The policy's prior, before any fit.
    pub(crate) fn prior(policy: &PriorPolicy) -> Self {
        Self::with_base(policy.failure_rate, policy)
    }

    fn with_base(base: f64, policy: &PriorPolicy) -> Self {
        Self {
            fitted: None,
            base,
            base_log_odds: logit(base),
            rates: Vec::new(),
            concentrations: [policy.concentration; SubjectKind::ALL.len()],
        }
    }

    /// The parameters of a snapshot.
    pub(crate) fn of_snapshot(
        snapshot: &Snapshot,
        subjects: &Subjects,
        policy: &PriorPolicy,
    ) -> Self {
        let mut parameters = Self::with_base(snapshot.failure_rate, policy);
        parameters.fitted = Some(snapshot.epoch);
        for (name, rate) in &snapshot.rates {
            let found = name
                .parse()
                .ok()
                .and_then(|subject: Subject| subjects.find(&subject));
            if let Some(at) = found {
                parameters.set_rate(at, *rate);
            }
        }
        for (kind, value) in &snapshot.concentrations {
            if let Some(kind) = SubjectKind::from_code(kind) {
                parameters.concentrations[kind as usize] = *value;
            }
        }
        parameters
    }

    fn set_rate(&mut self, subject: SubjectIx, rate: f64) {
        let at = subject.0 as usize;
        if self.rates.len() <= at {
            self.rates.resize(at + 1, None);
        }
        self.rates[at] = Some((rate, logit(rate)));
    }

    fn rate_and_log_odds(&self, subject: SubjectIx) -> (f64, f64) {
        let known = self.rates.get(subject.0 as usize).copied().flatten();
        known.unwrap_or((self.base, self.base_log_odds))
    }

    fn rate(&self, subject: SubjectIx) -> f64 {
        self.rate_and_log_odds(subject).0
    }

    fn log_odds(&self, subject: SubjectIx) -> f64 {
        self.rate_and_log_odds(subject).1
    }

    fn concentration(&self, kind: SubjectKind) -> f64 {
        self.concentrations[kind as usize]
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
pub(crate) fn pool(tallies: &Tallies, policy: &EvidencePolicy, at: DecayAt) -> Pooled {
    let mut pooled = Pooled {
        tests: 0.0,
        failures: 0.0,
    };
    for (stratum, n, d) in tallies.decayed(at) {
        if stratum == Stratum::FastScreen {
            let youden = policy.youden();
            pooled.tests += youden * youden * n;
            pooled.failures += youden * (d - (1.0 - policy.specificity) * n);
        } else {
            let weight = policy.weight(stratum);
            pooled.tests += weight * n;
            pooled.failures += weight * d;
        }
    }
    pooled.failures = pooled.failures.clamp(0.0, pooled.tests.max(0.0));
    pooled
}

/// Up to five contributions, in their order, without an allocation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts {
    parts: [Contribution; 5],
    len: usize,
}

impl Parts {
    fn new() -> Self {
        Self {
            parts: [Contribution {
                part: Part::Base,
                log_odds: 0.0,
            }; 5],
            len: 0,
        }
    }

    /// Adds a part; a sixth, which no kind of subject has, would be left out.
    fn push(&mut self, part: Part, log_odds: f64) {
        if let Some(slot) = self.parts.get_mut(self.len) {
            *slot = Contribution { part, log_odds };
            self.len += 1;
        }
    }

    pub(crate) fn as_slice(&self) -> &[Contribution] {
        self.parts.get(..self.len).unwrap_or(&self.parts)
    }

    fn sum(&self) -> f64 {
        self.as_slice().iter().map(|part| part.log_odds).sum()
    }
}

/// What is estimated of one subject.
#[derive(Debug, Clone)]
pub(crate) struct Estimate {
    pub(crate) contributions: Parts,
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
    pub(crate) at: DecayAt,
}

impl View<'_, '_> {
    fn pooled(&self, subject: SubjectIx) -> Pooled {
        pool((self.tallies)(subject), &self.policy.evidence, self.at)
    }

    /// Estimates one subject; `None` where it has no own evidence.
    pub(crate) fn estimate(&self, subject: SubjectIx) -> Option<Estimate> {
        let own = self.pooled(subject);
        if own.tests <= 0.0 {
            return None;
        }
        let kind = self.subjects.kind(subject);
        let mut contributions = self.expected(subject, kind, own);
        let prior = contributions.sum();
        let mean = sigmoid(prior).clamp(1e-9, 1.0 - 1e-9);
        let strength = self.parameters.concentration(kind);
        let posterior = BetaPosterior::new(
            strength * mean + own.failures,
            strength * (1.0 - mean) + own.tests - own.failures,
        )
        .ok()?;
        contributions.push(Part::OwnRecord, logit(posterior.mean()) - prior);
        Some(Estimate {
            contributions,
            posterior,
            log_odds: contributions.sum(),
            tests: own.tests,
        })
    }

    /// What the city and a subject's parents let expect.
    fn expected(&self, subject: SubjectIx, kind: SubjectKind, own: Pooled) -> Parts {
        let base = self.parameters.base_log_odds;
        let kin = self.subjects.kin(subject);
        let above = |parent: Option<&SubjectIx>| {
            parent.map_or(0.0, |parent| self.parameters.log_odds(*parent) - base)
        };
        let mut parts = Parts::new();
        parts.push(Part::Base, base);
        match kind {
            SubjectKind::Sector => {}
            SubjectKind::Product => parts.push(Part::Sector, above(kin.parents.first())),
            SubjectKind::Zone => parts.push(Part::Zone, above(kin.parents.first())),
            SubjectKind::Enterprise | SubjectKind::Site => {
                // Most sell one product, whose rate is the mean over one.
                let mix = match (kin.cells.len(), kin.resembles) {
                    (1, Some(product)) => Some(self.parameters.log_odds(product)),
                    _many => self.assortment(&kin.cells, None, 1.0).map(logit),
                };
                parts.push(
                    Part::Assortment,
                    mix.map_or(0.0, |log_odds| log_odds - base),
                );
            }
            SubjectKind::Cell => {
                let product = kin.parents.first();
                let sector =
                    product.and_then(|product| self.subjects.kin(*product).parents.first());
                let of_sector = above(sector);
                let enterprise = kin.parents.get(1);
                let others =
                    enterprise.map_or(0.0, |enterprise| self.others(*enterprise, subject, own));
                parts.push(Part::Sector, of_sector);
                parts.push(Part::Product, above(product) - of_sector);
                parts.push(Part::Enterprise, others);
            }
        }
        parts
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
        let counted = |subject: &SubjectIx| !(self.tallies)(*subject).is_empty();
        for subject in self.subjects.all().filter(counted) {
            let kind = self.subjects.kind(subject);
            by_kind.entry(kind).or_default().push(subject);
        }
        // Whatever number a subject got, it is visited in the order of its name.
        for subjects in by_kind.values_mut() {
            let stride = subjects.len().div_ceil(FIT_SAMPLE) as u64;
            let rates_all = matches!(
                self.subjects.kind(subjects[0]),
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
        let mut fitting = Parameters::with_base(failure_rate, prior);

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
            fitting.concentrations[kind as usize] = concentration;
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
                    fitting.set_rate(at, rate);
                }
            }
        }
        let concentration =
            |kind: &SubjectKind| (kind.code().to_owned(), fitting.concentration(*kind));
        let concentrations = SubjectKind::ALL.iter().map(concentration).collect();
        Snapshot {
            epoch,
            failure_rate,
            rates,
            concentrations,
        }
    }

    fn fit_kind(&self, subjects: &[SubjectIx], prior: &PriorPolicy) -> f64 {
        let (mut means, mut tests, mut failures) = (Vec::new(), Vec::new(), Vec::new());
        for subject in subjects {
            let own = self.pooled(*subject);
            if own.tests > 0.0 {
                let kind = self.subjects.kind(*subject);
                let expected = self.expected(*subject, kind, own).sum();
                means.push(sigmoid(expected).clamp(1e-9, 1.0 - 1e-9));
                tests.push(own.tests);
                failures.push(own.failures);
            }
        }
        // One group says nothing of how much groups differ.
        if means.len() < 2 {
            return prior.concentration;
        }
        let (least, most) = prior.concentration_range;
        fit_concentration(&means, &tests, &failures, prior.concentration)
            .map_or(prior.concentration, |fit| fit.clamp(least, most))
    }
}

/// Shares of severities 1 to 4 among a subject's failures: counts on a Dirichlet prior.
pub(crate) fn severity_mix(
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
