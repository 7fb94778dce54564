//! Appraisal: the estimate of a subject, its grade, and how both are written out.

use crate::assessment::{Assessment, EvidenceCount, Interval};
use crate::event_time::Epoch;
use crate::evidence::{Stratum, Tallies};
use crate::grade;
use crate::model::{self, View};
use crate::step::{Engine, Standing};
use crate::subjects::SubjectIx;
use compact_str::CompactString;
use risk_domain::ids::{ProductCode, SectorCode, ZoneId};
use risk_domain::subject::Subject;
use risk_domain::time::Timestamp;
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
    estimate: model::Estimate,
    severity_mix: [f64; 4],
    variance: f64,
    excess: grade::Excess,
    grade: grade::Grade,
    inherited: bool,
    band: i32,
}

impl Engine {
    pub(crate) fn view<'a>(
        &'a self,
        epoch: Epoch,
        tallies: &'a dyn Fn(SubjectIx) -> &'a Tallies,
    ) -> View<'a, 'a> {
        View {
            subjects: &self.subjects,
            tallies,
            parameters: &self.parameters,
            policy: &self.policy,
            at: self.decay.at(self.calendar.day_of(epoch).get()),
        }
    }

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

    /// Judges a subject at the close that `view` looks at; `Some` when its level, a flag or its band
    /// changed.
    pub(crate) fn judge(
        &self,
        view: &View<'_, '_>,
        expectations: &Expectations,
        subject: SubjectIx,
        epoch: Epoch,
    ) -> Option<Assessment> {
        let standing = self.state(subject).standing;
        let judged = self.appraise(view, expectations, subject, standing)?;
        let same = standing.is_some_and(|standing| {
            (
                standing.level,
                standing.watch,
                standing.inherited,
                standing.band,
            ) == (
                judged.grade.level,
                judged.grade.watch,
                judged.inherited,
                judged.band,
            )
        });
        if same {
            None
        } else {
            Some(self.write_out(subject, epoch, &judged, &self.state(subject).tallies))
        }
    }

    /// The estimate of a subject from all evidence so far, closed or not, under the parameters of
    /// the last close. It is shown as provisional and never stored.
    pub fn provisional(&self, subject: &Subject, now: Timestamp) -> Option<Assessment> {
        let at = self.subjects.find(subject)?;
        let mut own = BTreeMap::new();
        let kin = self.subjects.kin(at);
        let beside = kin
            .parents
            .iter()
            .flat_map(|parent| &self.subjects.kin(*parent).cells);
        for relevant in [at]
            .iter()
            .chain(&kin.cells)
            .chain(&kin.parents)
            .chain(beside)
        {
            own.insert(*relevant, self.state(*relevant).tallies.clone());
        }
        for (_, row) in self.pending.iter().chain(self.families.open_rows()) {
            let mut counted = BTreeSet::new();
            for subject in self.subjects.touched(row.base) {
                if let (true, Some(tallies)) = (counted.insert(subject), own.get_mut(&subject)) {
                    tallies.add(row, &self.decay);
                }
            }
        }
        let tallies = |subject| own.get(&subject).unwrap_or(&self.state(subject).tallies);
        let last = self.last_closed.unwrap_or(Epoch(i64::MIN));
        let epoch = self.calendar.epoch_of(now).max(last);
        let view = self.view(epoch, &tallies);
        let judged = self.appraise(&view, &self.expectations(), at, self.state(at).standing)?;
        Some(self.write_out(at, epoch, &judged, tallies(at)))
    }

    fn appraise(
        &self,
        view: &View<'_, '_>,
        expectations: &Expectations,
        subject: SubjectIx,
        standing: Option<Standing>,
    ) -> Option<Judged> {
        let policy = &self.policy;
        let estimate = view.estimate(subject)?;
        let tallies = (view.tallies)(subject);
        let expected = expectations.of(self.subjects.kin(subject).resembles);
        let (severity_mix, cuts) = if tallies.has_severity() {
            let mix = model::severity_mix(tallies, &expected.severity_mix, &policy.prior, view.at);
            (mix, self.bounds.cuts(&policy.grade, &mix))
        } else {
            (expected.severity_mix, expected.cuts)
        };
        let variance = estimate.posterior.logit_variance();
        let excess = grade::Excess::new(cuts, estimate.log_odds, libm::sqrt(variance));
        let grade = self
            .bounds
            .decide(excess, standing.map(|standing| standing.level));
        let doublings = estimate.log_odds / std::f64::consts::LN_2;
        // A band is left only by more than a quarter beyond its edge, so that noise does not move it.
        let band = standing
            .map(|standing| standing.band)
            .filter(|band| (doublings - f64::from(*band) - 0.5).abs() <= 0.75)
            .unwrap_or(libm::floor(doublings) as i32);
        let inherited = estimate.tests < policy.grade.inherited_below;
        Some(Judged {
            estimate,
            severity_mix,
            variance,
            excess,
            grade,
            inherited,
            band,
        })
    }

    fn write_out(
        &self,
        subject: SubjectIx,
        epoch: Epoch,
        judged: &Judged,
        tallies: &Tallies,
    ) -> Assessment {
        // The same normal law of the log-odds that the grade's probabilities come from.
        let reach = NORMAL_975 * libm::sqrt(judged.variance);
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
            level: judged.grade.level,
            watch: judged.grade.watch,
            inherited: judged.inherited,
            band: judged.band,
            probability: judged.estimate.posterior.mean(),
            interval: Interval {
                lower: sigmoid(judged.estimate.log_odds - reach),
                upper: sigmoid(judged.estimate.log_odds + reach),
            },
            log_odds: judged.estimate.log_odds,
            variance: judged.variance,
            at_least: judged.excess.at_least(),
            severity_mix: judged.severity_mix,
            contributions: judged.estimate.contributions.as_slice().to_vec(),
            evidence: evidence.collect(),
            policy_version: self.policy.version.clone(),
            policy_hash: CompactString::new(&self.policy.hash),
            model_version: CompactString::const_new(crate::MODEL_VERSION),
            snapshot: self.parameters.fitted,
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
                let cells = self.subjects.kin(subject).cells.iter();
                cells.flat_map(|cell| self.sectors_of(*cell)).collect()
            }
            Subject::Zone(_) => BTreeSet::new(),
        }
    }
}
