//! What the reference city is made of.

/// Parameters of the reference city（基准城市参数）. Effects are in log-odds, times in weeks.
#[doc(alias = "基准城市参数")]
#[derive(Debug, Clone, PartialEq)]
pub struct ReferenceSettings {
    /// Zones, 1 to 5.
    pub zones: usize,
    /// Sectors.
    pub sectors: usize,
    /// Products; at least as many as sectors.
    pub products: usize,
    /// Enterprises.
    pub enterprises: usize,
    /// Weeks that can be played.
    pub weeks: u32,
    /// Mean log-odds of a failure.
    pub mean: f64,
    /// Standard deviation of sectors.
    pub sd_sector: f64,
    /// Of products.
    pub sd_product: f64,
    /// Of zones.
    pub sd_zone: f64,
    /// Of enterprises, whose effects have the heavy tails of Student's t with 5 degrees of freedom.
    pub sd_enterprise: f64,
    /// Of cells.
    pub sd_cell: f64,
    /// Of an enterprise's drift (an Ornstein–Uhlenbeck process).
    pub sd_drift: f64,
    /// Time in which a drift forgets itself.
    pub drift_weeks: f64,
    /// Spread of the amplitude of a sector's season.
    pub season: f64,
    /// Outbreaks begun in a week, on average.
    pub outbreaks_per_week: f64,
    /// Shocks of single enterprises begun in a week, on average.
    pub shocks_per_week: f64,
    /// How much worse the batches are that each mode picks, in the order of [`super::MODES`].
    pub batch_choice: [f64; 5],
    /// Probability that a fast test finds a failure.
    pub sensitivity: f64,
    /// Probability that a fast test passes what is sound.
    pub specificity: f64,
    /// What a proved failure mends in its cell.
    pub mended_cell: f64,
    /// What it mends in each cell of its enterprise.
    pub mended_enterprise: f64,
    /// Time in which half of it wears off.
    pub mended_half_life: f64,
    /// The most that is ever mended.
    pub mended_most: f64,
    /// Tests a week, in the order of [`super::MODES`].
    pub budget: [usize; 5],
    /// Share of positive fast tests that a laboratory confirms or refutes.
    pub confirmed_positives: f64,
    /// Share of negative ones.
    pub confirmed_negatives: f64,
    /// How much tips know: 0 is nothing, 1 the true log-odds but for noise of deviation 1.
    pub tips: f64,
    /// Share of enterprises that begin, and that end, in a year.
    pub turnover: f64,
    /// Week from which the bureau acts otherwise: four times the enforcement on poorer tips, twice
    /// the special checks, fast tests spread evenly.
    pub shift_at: Option<u32>,
}

impl Default for ReferenceSettings {
    fn default() -> Self {
        Self {
            zones: 5,
            sectors: 12,
            products: 40,
            enterprises: 3000,
            weeks: 156,
            mean: -3.3,
            sd_sector: 0.5,
            sd_product: 0.5,
            sd_zone: 0.25,
            sd_enterprise: 0.8,
            sd_cell: 0.5,
            sd_drift: 0.5,
            drift_weeks: 26.0,
            season: 0.4,
            outbreaks_per_week: 0.33,
            shocks_per_week: 2.0,
            batch_choice: [0.0, 0.2, 0.4, 0.1, 0.8],
            sensitivity: 0.80,
            specificity: 0.95,
            mended_cell: 0.8,
            mended_enterprise: 0.3,
            mended_half_life: 20.0,
            mended_most: 1.6,
            budget: [20, 40, 25, 60, 15],
            confirmed_positives: 0.6,
            confirmed_negatives: 0.05,
            tips: 1.0,
            turnover: 0.10,
            shift_at: None,
        }
    }
}

impl ReferenceSettings {
    fn has_shifted(&self, week: u32) -> bool {
        self.shift_at.is_some_and(|at| week >= at)
    }

    /// Tests of a week, by mode.
    pub(super) fn budget_of(&self, week: u32) -> [usize; 5] {
        let [evaluations, checks, special, fast, enforcement] = self.budget;
        if self.has_shifted(week) {
            [evaluations, checks, 2 * special, fast, 4 * enforcement]
        } else {
            self.budget
        }
    }

    /// How much tips know in a week.
    pub(super) fn tips_of(&self, week: u32) -> f64 {
        if self.has_shifted(week) {
            self.tips / 2.0
        } else {
            self.tips
        }
    }

    /// How fast tests spread over zones: most where the bureau sits, until the shift.
    pub(super) fn fast_test_zones(&self, week: u32) -> [f64; 5] {
        if self.has_shifted(week) {
            [0.2; 5]
        } else {
            [0.6, 0.15, 0.1, 0.1, 0.05]
        }
    }
}
