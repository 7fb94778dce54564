//! What a snapshot says of a target, gathered level by level（逐层汇集）. Every prediction is made from what was
//! gathered, so that whoever walks over many targets looks up what they share once.

use smallvec::SmallVec;

use super::between::{ScoreSum, SinceSnapshot, moved};
use super::fixed::{COVARIATES, dot, waves};
use super::predict::{Left, PartKind, Query};
use super::rows::NO_GROUP;
use super::snapshot::{Effect, Snapshot};

/// What is said of one group of a level.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OfGroup {
    /// [`NO_GROUP`] where the field was not told.
    pub(crate) group: u32,
    pub(crate) lasting: Effect,
    /// 0 without doubt where the level has no recent copy.
    pub(crate) recent: Effect,
    /// What has come since the snapshot.
    pub(crate) since: ScoreSum,
}

impl OfGroup {
    /// Variance of the effects, lasting and recent.
    pub(crate) fn doubt(&self) -> f64 {
        self.lasting.variance + self.recent.variance
    }
}

/// What is said of one target, or of all that have some groups in common.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    pub(crate) levels: SmallVec<[OfGroup; 6]>,
    waves: [f64; 4],
    season: f64,
    covariates: [f64; COVARIATES],
}

impl Told {
    /// Takes over what is told of another target, in the room that is there.
    pub(crate) fn copy(&mut self, other: &Self) {
        self.levels.clone_from(&other.levels);
        (self.waves, self.season, self.covariates) = (other.waves, other.season, other.covariates);
    }

    /// How much what has come since the snapshot moves the log-odds.
    pub(crate) fn moved(&self) -> f64 {
        let levels = self.levels.iter();
        moved(levels.map(|of| (of.lasting.variance, of.since)))
    }
}

const fn certain(mean: f64) -> Effect {
    Effect {
        mean,
        variance: 0.0,
    }
}

impl Snapshot {
    /// The waves of the season in a week; none for the snapshot's horizon.
    pub(crate) fn waves(&self, week: Option<u16>) -> [f64; 4] {
        match (&self.season, week) {
            (None, _) => [0.0; 4],
            (Some(season), None) => season.ahead,
            (Some(season), Some(week)) => waves(week.into(), season.period),
        }
    }

    /// All that is said of a target of these groups, with what has come since.
    pub(crate) fn told(&self, groups: &[u32], waves: [f64; 4], since: &[&SinceSnapshot]) -> Told {
        let group = |level: usize| groups.get(level).copied().unwrap_or(NO_GROUP);
        let levels = (0..self.levels.len()).map(|at| self.of_group(at, group(at), since));
        let season = self.season.as_ref();
        let covariates = [0, 1, 2].map(|k: usize| {
            let level = self.covariates[k].level;
            level.map_or(0.0, |level| self.covariate(k, group(level.into())))
        });
        Told {
            levels: levels.collect(),
            season: season.map_or(0.0, |s| self.season_of(group(s.level.into()), &waves)),
            covariates,
            waves,
        }
    }

    /// Says of another group of a level what hangs on it.
    pub(crate) fn tell(&self, told: &mut Told, level: usize, group: u32, since: &[&SinceSnapshot]) {
        if let Some(of) = told.levels.get_mut(level) {
            *of = self.of_group(level, group, since);
        }
        let season = self.season.as_ref();
        if season.is_some_and(|season| usize::from(season.level) == level) {
            told.season = self.season_of(group, &told.waves);
        }
        for k in 0..COVARIATES {
            if self.covariates[k].level.map(usize::from) == Some(level) {
                told.covariates[k] = self.covariate(k, group);
            }
        }
    }

    fn of_group(&self, at: usize, group: u32, since: &[&SinceSnapshot]) -> OfGroup {
        let level = &self.levels[at];
        let recent = level.recent.as_ref();
        let mut sum = ScoreSum::default();
        for part in since {
            sum.combine(part.sum(at, group), 1);
        }
        OfGroup {
            group,
            lasting: effect_of(&level.lasting, group, level.prior),
            recent: recent.map_or(certain(0.0), |recent| {
                effect_of(&recent.effects, group, recent.prior)
            }),
            since: sum,
        }
    }

    fn season_of(&self, group: u32, waves: &[f64; 4]) -> f64 {
        let season = self.season.as_ref();
        let own = season.and_then(|season| season.amplitudes.get(group as usize));
        own.map_or(0.0, |own| dot(own, waves))
    }

    fn covariate(&self, k: usize, group: u32) -> f64 {
        let covariate = &self.covariates[k];
        let value = covariate.values.get(group as usize).copied();
        covariate.coefficient.mean * value.unwrap_or(0.0)
    }

    /// Names every part with its variance. Only the groups' own doubt counts: that of what all
    /// share is calibrated, and does not tell one target from another.
    #[inline]
    pub(crate) fn each_part(
        &self,
        told: &Told,
        mode: Option<u8>,
        mut take: impl FnMut(PartKind, Effect),
    ) {
        take(PartKind::Base, certain(self.intercept.mean));
        for (at, of) in told.levels.iter().enumerate() {
            take(PartKind::Lasting(at as u8), of.lasting);
        }
        for (at, (of, level)) in told.levels.iter().zip(&self.levels).enumerate() {
            if level.recent.is_some() {
                take(PartKind::Recent(at as u8), of.recent);
            }
        }
        if self.season.is_some() {
            take(PartKind::Season, certain(told.season));
        }
        let [enterprise, cell, remedied] = &self.covariates;
        let values = told.covariates;
        if enterprise.level.is_some() || cell.level.is_some() {
            take(PartKind::Selected, certain(values[0] + values[1]));
        }
        if remedied.level.is_some() {
            take(PartKind::Remedied, certain(values[2]));
        }
        if let Some(mode) = mode {
            let shift = self.modes.get(usize::from(mode));
            let shift = shift.map_or(0.0, |shift| shift.mean);
            take(PartKind::Mode(mode), certain(shift));
        }
    }

    /// All that is said of what a query asks, without what has come since.
    pub(crate) fn told_of(&self, query: &Query<'_>) -> Told {
        let mut told = self.told(query.groups, self.waves(query.week), &[]);
        self.fade(&mut told, query.left);
        told
    }

    /// Leaves of what is recent what is left of it at a later time.
    pub(crate) fn fade(&self, told: &mut Told, left: Left) {
        if left == Left::ALL {
            return;
        }
        for (of, level) in told.levels.iter_mut().zip(&self.levels) {
            if let Some(recent) = &level.recent {
                of.recent = left.of_recent(of.recent, recent.prior);
            }
        }
        let ([_, _, part], [_, _, remedied]) = (&mut told.covariates, &self.covariates);
        *part = left.of_remedied(*part, remedied.coefficient.mean);
    }
}

/// An unseen group has the prior's effect; where the field was not told, the level says nothing and
/// leaves its whole doubt.
fn effect_of(effects: &[Effect], group: u32, prior: f64) -> Effect {
    effects.get(group as usize).copied().unwrap_or(Effect {
        mean: 0.0,
        variance: prior,
    })
}
