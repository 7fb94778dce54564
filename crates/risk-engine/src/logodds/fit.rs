//! The fit（拟合）: block by block Newton steps to the penalised mode of all effects together, then the
//! recent effects, then the calibrator.

use super::calibrate::{CalibrationRow, Calibrator};
use super::error::FitError;
use super::fitting::{Finish, Fitting};
use super::nested::NestedRow;
use super::predict::Query;
use super::rows::{Basis, Evidence, NO_GROUP, Row};
use super::selection::{SelectionStrength, StrengthPrior};
use super::settings::{Selection, Settings};
use super::snapshot::Snapshot;

/// Fits the model to the evidence, starting from an earlier snapshot if there is one.
///
/// The earlier snapshot's predictions for the weeks since are what the calibrator and the strength of
/// selection learn from, so a chain of fits calibrates itself. The result is the same, to the last
/// bit, in whatever order the rows come and however they were split.
pub fn fit(
    evidence: &Evidence<'_>,
    settings: &Settings,
    warm_start: Option<&Snapshot>,
) -> Result<Snapshot, FitError> {
    settings.check()?;
    evidence.check(settings)?;
    let rows = evidence.sorted();
    let warm = warm_start.filter(|snapshot| snapshot.matches(settings));
    let unseen = warm.map_or_else(Vec::new, |snapshot| evidence.unseen(&rows, snapshot.as_of));
    let mut calibrator = warm_start.map_or_else(Calibrator::default, |s| s.calibrator.clone());
    if let Some(snapshot) = warm {
        foretold(snapshot, evidence, &unseen, &mut calibrator);
    }
    let strength = strength(evidence, &unseen, settings, warm);
    let mut fitting = Fitting::start(evidence, &rows, settings, warm, strength.as_ref())?;
    fitting.sweeps(settings, warm.is_some());
    if settings.calibrated {
        calibrator.estimate(evidence.as_of, settings.half_lives.calibration);
    } else {
        calibrator = Calibrator::default();
    }
    Ok(fitting.finish(Finish {
        evidence,
        rows: &rows,
        settings,
        strength,
        calibrator,
        fits: warm_start.map_or(1, |snapshot| snapshot.fits.saturating_add(1)),
    }))
}

/// The rows of the last `weeks` weeks with their log-odds under a snapshot, less the effects of two
/// nested levels: what [`Nested`](super::Nested) finds the variances of these levels from. A job for
/// once a month; its finding becomes `Variance::Fixed` of both levels.
pub fn nested_rows(
    evidence: &Evidence<'_>,
    settings: &Settings,
    snapshot: &Snapshot,
    levels: (&str, &str),
    weeks: u16,
) -> Result<Vec<NestedRow>, FitError> {
    settings.check()?;
    evidence.check(settings)?;
    let (outer, inner) = (settings.level(levels.0)?, settings.level(levels.1)?);
    let rows = evidence.sorted();
    let warm = Some(snapshot).filter(|snapshot| snapshot.matches(settings));
    let fitting = Fitting::start(evidence, &rows, settings, warm, None)?;
    let nested = |(row, eta): (&Row, &f64)| {
        let target = row.target as usize;
        let own = [outer, inner].map(|at| fitting.levels[at].of_target(target));
        let groups = [outer, inner].map(|at| evidence.frame.column(at)[target]);
        let (tested, failed) = row.effective();
        NestedRow::new(
            (groups[0], groups[1]),
            eta - own[0] - own[1],
            tested,
            failed,
        )
        .through(fitting.work.link(row))
    };
    let rows = rows.iter().zip(&fitting.work.eta);
    let young = rows.filter(|(row, _)| evidence.as_of - row.week < weeks && row.tested > 0);
    Ok(young.map(nested).collect())
}

/// Adds to the calibrator the random results that a snapshot had not seen, with what it foretold.
fn foretold(
    snapshot: &Snapshot,
    evidence: &Evidence<'_>,
    unseen: &[Row],
    calibrator: &mut Calibrator,
) {
    let mut groups = vec![NO_GROUP; evidence.frame.levels()];
    // Only a laboratory's word on a random lot is the gold standard.
    let gold = |row: &&Row| row.basis == Basis::Random && row.method == 0;
    for row in unseen.iter().filter(gold) {
        for (slot, group) in groups.iter_mut().zip(evidence.frame.groups(row.target)) {
            *slot = group;
        }
        let (eta, variance) = snapshot.log_odds(&Query::new(&groups));
        calibrator.rows.push(CalibrationRow {
            week: row.week,
            predicted: snapshot.mean_log_odds(eta, variance),
            tested: row.results,
            failed: row.nonconforming,
        });
    }
}

/// The strength of informative selection after the choices that the last snapshot had not seen.
fn strength(
    evidence: &Evidence<'_>,
    unseen: &[Row],
    settings: &Settings,
    warm: Option<&Snapshot>,
) -> Option<SelectionStrength> {
    let prior = match settings.selection {
        Selection::Ignored | Selection::Covariates { .. } => return None,
        Selection::Likelihood {
            mean,
            variance,
            most,
            seasonal: _,
        } => StrengthPrior {
            mean,
            variance,
            most,
        },
    };
    let before = warm.and_then(|snapshot| snapshot.selection.clone());
    let mut strength = before.unwrap_or_else(|| SelectionStrength::new(prior));
    if let Some(snapshot) = warm {
        let log_odds = snapshot.frame_log_odds(evidence.frame);
        strength.observe(unseen, evidence.frame, &log_odds, prior.most);
    }
    strength.estimate(evidence.as_of, settings.half_lives.selection, prior);
    Some(strength)
}
