//! Pass rates（合格率） and those who test, as they are shown.

use risk_engine::policy::Wanted;
use risk_engine::rates::{Effect, FrameWeek, MixShift, Period, Rate, Rates, campaign_effect};
use risk_engine::{AdjustedEffect, Caution, FrameSource};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::Range;
use utoipa::ToSchema;

/// A pass rate.
#[derive(Debug, Serialize, ToSchema)]
pub struct PassRateDto {
    /// Share of conforming batches, 0 to 1.
    pub pass_rate: f64,
    /// Lower end of the 95 % interval.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// Results behind it.
    pub results: u64,
    /// Equally weighed results of a simple random sample that would tell as much.
    pub effective_results: f64,
}

impl From<Rate> for PassRateDto {
    fn from(failing: Rate) -> Self {
        let passing = failing.passing();
        Self {
            pass_rate: passing.value,
            lower: passing.lower,
            upper: passing.upper,
            results: passing.results,
            effective_results: passing.effective,
        }
    }
}

/// Why the raw rate of failures changed since the period before; the two reasons add up.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangeDto {
    /// Change of the raw failure rate, all modes together.
    pub change: f64,
    /// Part of it that comes from the goods.
    pub quality: f64,
    /// Part of it that comes from testing others.
    pub choice: f64,
}

/// A target and how likely it is met.
#[derive(Debug, Serialize, ToSchema)]
pub struct TargetDto {
    /// Pass rate that is to be reached.
    pub pass_rate: f64,
    /// Whose published pass rate that is, as the policy names it; absent where the target is a figure
    /// of its own.
    pub above: Option<String>,
    /// Probability that the true pass rate reaches it; absent where nothing corrects the rates.
    pub probability_met: Option<f64>,
}

/// Rates of one period.
#[derive(Debug, Serialize, ToSchema)]
pub struct PeriodRatesDto {
    /// First day.
    pub from: String,
    /// First day after it.
    pub until: String,
    /// Whether draws of known probability correct its rates; where not, every figure is uncorrected.
    pub corrected: bool,
    /// Whether all its weeks have closed. Results of samples taken in it may still be reported.
    pub complete: bool,
    /// Targets (an enterprise with a product at a booth) in the frame at its end, tested or not; 0 for
    /// a period before the first frame.
    pub targets: u32,
    /// Raw, by mode: biased by whom the mode chose.
    pub raw: BTreeMap<String, PassRateDto>,
    /// From risk evaluations with logged inclusion probabilities alone.
    pub random: Option<PassRateDto>,
    /// Mean of what the model foretold over the frame.
    pub model: f64,
    /// The model's mean, corrected by draws of known probability: the figure to publish. Absent where
    /// there are none; then all figures are uncorrected.
    pub design: Option<PassRateDto>,
    /// The best guess, for internal use.
    pub composite: Option<PassRateDto>,
    /// The policy's target, if there is one.
    pub target: Option<TargetDto>,
    /// Why the raw failure rate changed since the period before: the city by sectors, a sector by
    /// products, a zone by the zones in it.
    pub change: Option<ChangeDto>,
}

impl PeriodRatesDto {
    pub(crate) fn new(
        weeks: &Range<u16>,
        found: &Rates,
        change: Option<MixShift>,
        target: Option<Wanted<'_>>,
        frame: Option<FrameWeek>,
        complete: bool,
    ) -> Self {
        let (from, until) = Period::days(weeks);
        let raw = found.raw.iter();
        Self {
            from: from.to_string(),
            until: until.to_string(),
            corrected: found.design.is_some(),
            complete,
            targets: frame.map_or(0, |frame| frame.targets),
            raw: raw
                .map(|(mode, rate)| (mode.code().to_owned(), (*rate).into()))
                .collect(),
            random: found.random.map(Into::into),
            model: 1.0 - found.model,
            design: found.design.map(Into::into),
            composite: found.composite.map(Into::into),
            target: target.map(|wanted| TargetDto {
                pass_rate: wanted.target.pass_rate(),
                above: wanted.above.map(str::to_owned),
                probability_met: found
                    .design
                    .map(|rate| wanted.target.probability_met(&rate)),
            }),
            change: change.map(|found| ChangeDto {
                change: found.change,
                quality: found.quality,
                choice: found.choice,
            }),
        }
    }
}

/// What a reader should know.
#[derive(Debug, Serialize, ToSchema)]
pub struct NoticeDto {
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

impl From<&Caution> for NoticeDto {
    fn from(caution: &Caution) -> Self {
        Self {
            zh: caution.zh(),
            en: caution.en(),
        }
    }
}

impl NoticeDto {
    pub(crate) fn of_rates(
        frame: FrameSource,
        uncorrected: bool,
        cautions: &[Caution],
    ) -> Vec<Self> {
        let notice = |zh: &str, en: &str| Self {
            zh: zh.to_owned(),
            en: en.to_owned(),
        };
        let frame = match frame {
            FrameSource::Seen => Some(notice(
                "未接入主体登记，抽样框为已抽检过的对象。",
                "There is no register: the frame is what has been seen.",
            )),
            FrameSource::Register {
                unregistered: 0, ..
            } => None,
            FrameSource::Register { unregistered, .. } => Some(notice(
                &format!("抽样框中有 {unregistered} 个已抽检对象未见于主体登记。"),
                &format!(
                    "{unregistered} targets of the frame were tested, but are not registered."
                ),
            )),
        };
        let starving = notice(
            "部分周期没有已知入样概率的随机抽样，该周期各项合格率均未校正。",
            "Some periods have no random draw of known probability: their rates are uncorrected.",
        );
        let starving = uncorrected.then_some(starving);
        let cautions = cautions.iter().map(Self::from);
        frame.into_iter().chain(starving).chain(cautions).collect()
    }
}

/// Pass rates of a domain.
#[derive(Debug, Serialize, ToSchema)]
pub struct RatesDto {
    /// The domain: city, or kind:id.
    pub domain: String,
    /// Its name, where one is known; in Chinese where the reference data name it.
    pub name: Option<String>,
    /// Its English name, where the reference data have one.
    pub name_en: Option<String>,
    /// Length of a period: week, month or quarter.
    pub period: String,
    /// What the frame is made of: `registry`, or `seen` (what was ever tested) where there is none.
    pub frame: String,
    /// What a reader should know of these figures.
    pub notices: Vec<NoticeDto>,
    /// The periods, the latest first.
    pub items: Vec<PeriodRatesDto>,
}

/// By how much the failure of goods changed with a campaign（专项整治效果）.
#[derive(Debug, Serialize, ToSchema)]
pub struct CampaignEffectDto {
    /// Where the campaign was.
    pub domains: Vec<String>,
    /// `design`: of the corrected rates of one domain. `adjusted`: of all results, as in `adjusted`,
    /// where there are no such rates: of enterprises, sites, cells and sets.
    pub basis: String,
    /// First day of the weeks before it.
    pub before_from: String,
    /// First day after the weeks before it.
    pub before_until: String,
    /// First day of the weeks after it.
    pub after_from: String,
    /// First day after the weeks after it.
    pub after_until: String,
    /// Corrected pass rate of the domain before; absent where the basis is `adjusted`, as are the next
    /// three.
    pub before: Option<PassRateDto>,
    /// The same after.
    pub after: Option<PassRateDto>,
    /// Corrected pass rate of the city before; absent also where the city is the domain, or has none.
    pub city_before: Option<PassRateDto>,
    /// The same after.
    pub city_after: Option<PassRateDto>,
    /// Change of the failure rate less that of the others in the same time: what would have changed
    /// anyhow does not count. Below 0 is better. In corrected rates the others are the city, of which
    /// the domain is a part, so that the smaller it is, the truer; else they are the rest of the city.
    pub effect: f64,
    /// Lower end of the 95 % interval.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// The same from all results; absent where there are none before or after.
    pub adjusted: Option<AdjustedEffectDto>,
}

/// What all results say of a campaign, each held against what lasts of its target, its season, mode,
/// observers and test: it does not matter that others were tested, or otherwise.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdjustedEffectDto {
    /// Results before.
    pub results_before: i64,
    /// Of them, failures.
    pub failures_before: i64,
    /// Results after.
    pub results_after: i64,
    /// Of them, failures.
    pub failures_after: i64,
    /// Mean probability of passing over the domain's targets before, tested or not.
    pub pass_rate_before: f64,
    /// The same after.
    pub pass_rate_after: f64,
    /// By what factor the odds of a failure changed beyond what they did in the rest of the city;
    /// below 1 is better.
    pub odds_ratio: f64,
    /// Lower end of its 95 % interval.
    pub odds_ratio_lower: f64,
    /// Upper end.
    pub odds_ratio_upper: f64,
    /// The same as a change of the mean failure rate over the targets; below 0 is better.
    pub effect: f64,
    /// Lower end of its 95 % interval.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
}

impl From<&AdjustedEffect> for AdjustedEffectDto {
    fn from(found: &AdjustedEffect) -> Self {
        Self {
            results_before: found.before.results,
            failures_before: found.before.failures,
            results_after: found.after.results,
            failures_after: found.after.failures,
            pass_rate_before: 1.0 - found.rate_before,
            pass_rate_after: 1.0 - found.rate_after,
            odds_ratio: found.odds_ratio,
            odds_ratio_lower: found.lower,
            odds_ratio_upper: found.upper,
            effect: found.change.value,
            lower: found.change.lower,
            upper: found.change.upper,
        }
    }
}

/// Corrected rates of a domain before and after, and of the city.
pub(crate) type Corrected = ((Rate, Rate), Option<(Rate, Rate)>);

impl CampaignEffectDto {
    /// The effect by corrected rates if there are any, else by all results; none without either.
    pub(crate) fn new(
        domains: Vec<String>,
        (before, after): (&Range<u16>, &Range<u16>),
        corrected: Option<Corrected>,
        adjusted: Option<&AdjustedEffect>,
    ) -> Option<Self> {
        let days = |weeks| {
            let (from, until) = Period::days(weeks);
            (from.to_string(), until.to_string())
        };
        let ((before_from, before_until), (after_from, after_until)) = (days(before), days(after));
        let by_design = corrected.map(|(treated, city)| campaign_effect(treated, city));
        let effect: Effect = by_design.or_else(|| adjusted.map(|found| found.change))?;
        let treated = corrected.map(|(treated, _)| treated);
        let city = corrected.and_then(|(_, city)| city);
        Some(Self {
            domains,
            basis: if corrected.is_some() {
                "design"
            } else {
                "adjusted"
            }
            .to_owned(),
            before_from,
            before_until,
            after_from,
            after_until,
            before: treated.map(|(before, _)| before.into()),
            after: treated.map(|(_, after)| after.into()),
            city_before: city.map(|(before, _)| before.into()),
            city_after: city.map(|(_, after)| after.into()),
            effect: effect.value,
            lower: effect.lower,
            upper: effect.upper,
            adjusted: adjusted.map(Into::into),
        })
    }
}
