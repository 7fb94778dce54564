//! Predictions（预测）: log-odds part by part, and the probability that a lot fails.

use risk_stats::special::{logit, normal_cdf};
use smallvec::SmallVec;

use super::accuracy::MethodAccuracy;
use super::between::SinceSnapshot;
use super::link::TestLink;
use super::logistic::{LANES, logistic};
use super::rows::{Frame, NO_GROUP, Row};
use super::settings::HalfLives;
use super::snapshot::{Effect, ObserverEffects, Snapshot};
use super::told::Told;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// Groups of the target, in the order of the levels; [`NO_GROUP`] where one is not known.
    pub groups: &'a [u32],
    /// Week whose season counts; none for the snapshot's horizon.
    pub week: Option<u16>,
    /// Mode whose shift counts; none for the lot that a random draw would take.
    pub mode: Option<u8>,
    /// How much of what passes is left by then; [`Left::ALL`] at the snapshot's time.
    pub left: Left,
}

/// How much is left at a later time of what a snapshot says of recent weeks, if nothing new comes
/// （近期效应的余留）.
#[doc(alias = "近期效应的余留")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Left {
    /// Share of the recent effects, 0 to 1: the next fits would see their results weigh that much.
    recent: f64,
    /// Share of the confirmed failures that are held to be remedied.
    remedied: f64,
}

impl Left {
    /// All of it.
    pub const ALL: Self = Self {
        recent: 1.0,
        remedied: 1.0,
    };

    /// What is left after so many weeks.
    pub fn after(weeks: u16, half_lives: &HalfLives) -> Self {
        let left = |half_life: f64| libm::exp2(-f64::from(weeks) / half_life);
        Self {
            recent: left(half_lives.recent),
            remedied: left(half_lives.remedied),
        }
    }

    /// A recent effect: what is left of it, and the doubt that comes back.
    pub(crate) fn of_recent(self, now: Effect, prior: f64) -> Effect {
        let left = self.recent;
        if left < 1.0 {
            Effect {
                mean: left * now.mean,
                variance: prior + left * left * (now.variance - prior),
            }
        } else {
            now
        }
    }

    /// What is left of a part whose covariate is ln(1 + confirmed failures).
    pub(crate) fn of_remedied(self, whole: f64, coefficient: f64) -> f64 {
        if self.remedied < 1.0 && coefficient != 0.0 {
            let failures = libm::expm1(whole / coefficient);
            coefficient * libm::log1p(self.remedied * failures)
        } else {
            whole
        }
    }
}

impl<'a> Query<'a> {
    /// A random lot of a target, at the snapshot's horizon.
    pub fn new(groups: &'a [u32]) -> Self {
        Self {
            groups,
            week: None,
            mode: None,
            left: Left::ALL,
        }
    }
}

/// A reason of a prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartKind {
    /// What is common to all.
    Base,
    /// Lasting effect of the target's group at a level.
    Lasting(u8),
    /// Effect of recent weeks.
    Recent(u8),
    /// Time of the year.
    Season,
    /// Informative selections of its enterprise and of itself.
    Selected,
    /// Confirmed failures that were remedied since.
    Remedied,
    /// Way of choosing within a visit.
    Mode(u8),
    /// What has come since the fit.
    Since,
}

/// A reason and what it adds to the log-odds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// Which reason.
    pub kind: PartKind,
    /// What it adds.
    pub log_odds: f64,
}

/// Probability that a lot fails, with its reasons.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Reasons; their log-odds add up, in this order, to `log_odds` exactly.
    pub parts: SmallVec<[Part; 18]>,
    /// Sum of the parts, before calibration.
    pub log_odds: f64,
    /// Posterior variance of that sum.
    pub variance: f64,
    /// Log-odds of the mean probability, before calibration.
    pub mean_log_odds: f64,
    /// Calibrated mean probability.
    pub probability: f64,
    /// Lower end of its interval.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// Calibrated log-odds at the mode: `shift + slope·log_odds`.
    pub calibrated: f64,
    /// The calibrator's intercept.
    pub shift: f64,
    /// The calibrator's slope.
    pub slope: f64,
}

impl Prediction {
    /// Probability that the share of failing lots lies above a bound in (0, 1).
    pub fn above(&self, bound: f64) -> f64 {
        let apart = self.calibrated - logit(bound);
        let deviation = self.slope.abs() * libm::sqrt(self.variance);
        if deviation > 0.0 {
            normal_cdf(apart / deviation)
        } else if apart > 0.0 {
            1.0
        } else {
            0.0
        }
    }

    /// The reasons after calibration（校准后的贡献）: the slope multiplies all, the intercept goes to the
    /// base. With each comes the sum up to it, the last of which is the whole.
    #[doc(alias = "校准后的贡献")]
    pub fn calibrated_parts(&self) -> SmallVec<[(Part, f64); 18]> {
        let mut sum = 0.0;
        let calibrate = |part: &Part| {
            let moved = match part.kind {
                PartKind::Base => self.shift,
                PartKind::Lasting(_)
                | PartKind::Recent(_)
                | PartKind::Season
                | PartKind::Selected
                | PartKind::Remedied
                | PartKind::Mode(_)
                | PartKind::Since => 0.0,
            };
            let log_odds = moved + self.slope * part.log_odds;
            sum += log_odds;
            let part = Part {
                kind: part.kind,
                log_odds,
            };
            (part, sum)
        };
        self.parts.iter().map(calibrate).collect()
    }
}

impl Snapshot {
    /// Predicts for one target.
    pub fn predict(&self, query: &Query<'_>) -> Prediction {
        self.predict_told(&self.told_of(query), query.mode, None)
    }

    /// Predicts for one target with what has come since the fit as one more reason: a provisional
    /// figure, or what would be if these results came.
    pub fn predict_since(&self, query: &Query<'_>, since: &SinceSnapshot) -> Prediction {
        let mut told = self.told(query.groups, self.waves(query.week), &[since]);
        self.fade(&mut told, query.left);
        self.predict_told(&told, query.mode, Some(told.moved()))
    }

    fn predict_told(&self, told: &Told, mode: Option<u8>, moved: Option<f64>) -> Prediction {
        let mut parts = SmallVec::new();
        let mut variance = 0.0;
        self.each_part(told, mode, |kind, effect| {
            variance += effect.variance;
            let log_odds = effect.mean;
            parts.push(Part { kind, log_odds });
        });
        if let Some(log_odds) = moved {
            parts.push(Part {
                kind: PartKind::Since,
                log_odds,
            });
        }
        let log_odds = parts.iter().map(|part: &Part| part.log_odds).sum();
        let mean_log_odds = self.mean_log_odds(log_odds, variance);
        let deviation = self.interval_deviations * libm::sqrt(variance);
        let mut ends = [
            self.calibrator.apply(log_odds - deviation),
            self.calibrator.apply(log_odds + deviation),
            self.calibrator.apply(mean_log_odds),
        ];
        logistic(&mut ends);
        Prediction {
            parts,
            log_odds,
            variance,
            mean_log_odds,
            probability: ends[2],
            lower: ends[0].min(ends[1]),
            upper: ends[0].max(ends[1]),
            calibrated: self.calibrator.apply(log_odds),
            shift: self.calibrator.intercept,
            slope: self.calibrator.slope,
        }
    }

    /// Calibrated mean probability of what has these log-odds before calibration.
    pub(crate) fn probability(&self, log_odds: f64, variance: f64) -> f64 {
        let mean = self.mean_log_odds(log_odds, variance);
        let mut lane = [self.calibrator.apply(mean)];
        logistic(&mut lane);
        lane[0]
    }

    /// Calibrated mean probability of a target as it is told.
    pub(crate) fn probability_of(&self, told: &Told) -> f64 {
        let (mut log_odds, mut variance) = (0.0, 0.0);
        self.each_part(told, None, |_, effect| {
            log_odds += effect.mean;
            variance += effect.variance;
        });
        self.probability(log_odds, variance)
    }

    /// Calibrated mean probability of what lasts of a target alone: without its season, what is recent,
    /// selections and remedies. What it and the whole probability differ by is the course of the weeks.
    pub fn lasting_probability(&self, groups: &[u32]) -> f64 {
        self.lasting_probability_of(&self.told_of(&Query::new(groups)))
    }

    /// The same of a target as it is told.
    pub(crate) fn lasting_probability_of(&self, told: &Told) -> f64 {
        let (mut log_odds, mut variance) = (self.intercept.mean, 0.0);
        for of in &told.levels {
            log_odds += of.lasting.mean;
            variance += of.lasting.variance;
        }
        self.probability(log_odds, variance)
    }

    /// Log-odds before calibration, and their variance, without the reasons.
    pub fn log_odds(&self, query: &Query<'_>) -> (f64, f64) {
        self.sum_of(query, |_| true)
    }

    /// The same without the recent effects: what is usual for a target, against which a change
    /// shows.
    pub fn usual_log_odds(&self, query: &Query<'_>) -> (f64, f64) {
        self.sum_of(query, |kind| !matches!(kind, PartKind::Recent(_)))
    }

    /// Log-odds of the lasting effects and the intercept alone, and their variance: what changes slowly.
    pub fn lasting_log_odds(&self, groups: &[u32]) -> (f64, f64) {
        self.sum_of(&Query::new(groups), |kind| {
            matches!(kind, PartKind::Base | PartKind::Lasting(_))
        })
    }

    /// Log-odds of what does not pass with time, in the query's season and mode: what results of any
    /// week can be held against alike.
    pub(crate) fn standing_log_odds(&self, query: &Query<'_>) -> f64 {
        let stands = |kind| {
            matches!(
                kind,
                PartKind::Base | PartKind::Lasting(_) | PartKind::Season | PartKind::Mode(_)
            )
        };
        self.sum_of(query, stands).0
    }

    /// The rest of what is usual: season, mode, selections and remedies by now.
    pub fn passing_log_odds(&self, query: &Query<'_>) -> f64 {
        let passing = |kind| {
            matches!(
                kind,
                PartKind::Season | PartKind::Selected | PartKind::Remedied | PartKind::Mode(_)
            )
        };
        self.sum_of(query, passing).0
    }

    fn sum_of(&self, query: &Query<'_>, counts: impl Fn(PartKind) -> bool) -> (f64, f64) {
        let (mut sum, mut variance) = (0.0, 0.0);
        self.each_part(&self.told_of(query), query.mode, |kind, effect| {
            if counts(kind) {
                sum += effect.mean;
                variance += effect.variance;
            }
        });
        (sum, variance)
    }

    /// Probability that a row's test fails a lot whose log-odds of failing are given: they pass
    /// through the errors of its method.
    pub fn through_test(&self, row: &Row, log_odds: f64) -> f64 {
        self.link_of(row).positive(log_odds)
    }

    /// Probability that the test of a row fails, as the snapshot saw it before: with the row's
    /// mode, observers and its test's errors, in its own week.
    pub fn positive_probability(&self, row: &Row, groups: &[u32]) -> f64 {
        let query = Query {
            week: Some(row.week),
            mode: Some(row.mode),
            ..Query::new(groups)
        };
        let (eta, _) = self.log_odds(&query);
        self.link_of(row).positive(eta + self.strictness(row))
    }

    /// Link of a row's test.
    pub(crate) fn link_of(&self, row: &Row) -> TestLink {
        let method = row.method.checked_sub(1).filter(|_| !row.by_laboratory());
        let accuracy = method.and_then(|method| self.methods.get(usize::from(method)));
        accuracy.map_or(TestLink::LABORATORY, MethodAccuracy::link)
    }

    /// Strictness of a row's observers.
    pub(crate) fn strictness(&self, row: &Row) -> f64 {
        let observers = [
            (&self.laboratories, row.laboratory),
            (&self.inspectors, row.inspector),
        ];
        let of = |(effects, observer): (&Option<ObserverEffects>, u16)| {
            let effect = effects.as_ref()?.effects.get(usize::from(observer));
            effect.map(|effect| effect.mean)
        };
        observers.into_iter().filter_map(of).sum()
    }

    /// Log-odds of every target of a frame, at the snapshot's horizon.
    pub(crate) fn frame_log_odds(&self, frame: &Frame) -> Vec<f64> {
        let mut groups = vec![NO_GROUP; frame.levels()];
        (0..frame.len() as u32)
            .map(|target| {
                for (slot, group) in groups.iter_mut().zip(frame.groups(target)) {
                    *slot = group;
                }
                self.log_odds(&Query::new(&groups)).0
            })
            .collect()
    }

    /// Logit of the mean of σ over N(log_odds, variance).
    pub(crate) fn mean_log_odds(&self, log_odds: f64, variance: f64) -> f64 {
        let deviation = libm::sqrt(variance);
        let (whole, rest) = self.rule.as_chunks::<LANES>();
        let mut mean = 0.0;
        for nodes in whole {
            let mut lanes = nodes.map(|(node, _)| log_odds + deviation * node);
            logistic(&mut lanes);
            let terms = nodes.iter().zip(lanes);
            mean += terms.map(|((_, weight), p)| weight * p).sum::<f64>();
        }
        for (node, weight) in rest {
            let mut lane = [log_odds + deviation * node];
            logistic(&mut lane);
            mean += weight * lane[0];
        }
        logit(mean.clamp(1e-9, 1.0 - 1e-9))
    }
}
