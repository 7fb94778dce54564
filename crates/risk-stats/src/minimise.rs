//! Minimising without derivatives, in the same steps on every machine.

/// Least point found by Nelder and Mead's simplex（单纯形法; Computer Journal 7, 1965）from `start`, with
/// first edges of length `edge`; stops when the values at the corners differ by less than
/// `tolerance`, or after `rounds` steps. A value that is no number counts as infinite. Returns the
/// point and the value there.
///
/// ```
/// use risk_stats::minimise::nelder_mead;
/// let bowl = |at: &[f64]| (at[0] - 1.0) * (at[0] - 1.0) + 3.0 * at[1] * at[1];
/// let (at, value) = nelder_mead(bowl, &[4.0, 2.0], 1.0, 1e-14, 500);
/// assert!((at[0] - 1.0).abs() < 1e-5 && at[1].abs() < 1e-5 && value < 1e-10);
/// ```
#[doc(alias = "单纯形法")]
pub fn nelder_mead(
    f: impl Fn(&[f64]) -> f64,
    start: &[f64],
    edge: f64,
    tolerance: f64,
    rounds: usize,
) -> (Vec<f64>, f64) {
    let value = |at: &[f64]| {
        let value = f(at);
        if value.is_nan() { f64::INFINITY } else { value }
    };
    let mut corners = vec![(start.to_vec(), value(start))];
    for axis in 0..start.len() {
        let mut at = start.to_vec();
        at[axis] += edge;
        let reached = value(&at);
        corners.push((at, reached));
    }
    for _ in 0..rounds {
        corners.sort_by(|one, other| one.1.total_cmp(&other.1));
        let (best, worst) = (corners[0].1, corners[start.len()].1);
        if worst - best < tolerance {
            break;
        }
        step(&mut corners, &value);
    }
    corners.sort_by(|one, other| one.1.total_cmp(&other.1));
    corners.swap_remove(0)
}

/// Replaces the worst corner of a sorted simplex, or draws all towards the best.
fn step(corners: &mut [(Vec<f64>, f64)], value: &impl Fn(&[f64]) -> f64) {
    let last = corners.len() - 1;
    if last == 0 {
        return;
    }
    let dimensions = corners[0].0.len();
    let centre = |axis: usize| {
        let others = corners[..last].iter().map(|corner| corner.0[axis]);
        others.sum::<f64>() / last as f64
    };
    let centre: Vec<f64> = (0..dimensions).map(centre).collect();
    let along = |far: f64| {
        let worst = &corners[last].0;
        let parts = centre.iter().zip(worst);
        let at: Vec<f64> = parts.map(|(c, w)| c + far * (c - w)).collect();
        let reached = value(&at);
        (at, reached)
    };
    let reflected = along(1.0);
    let next = if reflected.1 < corners[0].1 {
        let expanded = along(2.0);
        if expanded.1 < reflected.1 {
            expanded
        } else {
            reflected
        }
    } else if reflected.1 < corners[last - 1].1 {
        reflected
    } else {
        let contracted = along(if reflected.1 < corners[last].1 {
            0.5
        } else {
            -0.5
        });
        if contracted.1 < corners[last].1.min(reflected.1) {
            contracted
        } else {
            let best = corners[0].0.clone();
            for corner in &mut corners[1..] {
                for (part, best) in corner.0.iter_mut().zip(&best) {
                    *part = f64::midpoint(*part, *best);
                }
                corner.1 = value(&corner.0);
            }
            return;
        }
    };
    corners[last] = next;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curved_valley_is_followed_to_its_end() {
        let valley = |at: &[f64]| {
            let (x, y) = (at[0], at[1]);
            (1.0 - x) * (1.0 - x) + 100.0 * (y - x * x) * (y - x * x)
        };
        let (at, value) = nelder_mead(valley, &[-1.2, 1.0], 0.5, 1e-16, 2000);
        assert!(value < 1e-12, "{at:?}");
    }

    #[test]
    fn what_is_no_number_is_avoided() {
        let (at, _) = nelder_mead(
            |at| libm::log(at[0]) * libm::log(at[0]),
            &[3.0],
            1.0,
            1e-14,
            200,
        );
        assert!((at[0] - 1.0).abs() < 1e-5);
    }
}
