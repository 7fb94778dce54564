//! Exponentials and the logistic function of many values at once: plain additions and multiplications, which every
//! machine rounds alike and which compilers turn into vector instructions.

/// How many are taken at once where there are many.
pub(crate) const LANES: usize = 8;

/// Adding 1.5·2⁵² leaves a double's nearest whole number in its lowest bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// ln 2 in two parts, the first of which times a small whole number is exact.
const LN2: (f64, f64) = (6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10);

/// Beyond this e^x is no ordinary double; the logistic is 0 or 1 long before.
const MOST: f64 = 700.0;

/// 1/k! for k from 12 down to 2: the series of e^r, whose rest is below 2⁻⁵² for |r| ≤ ½ ln 2.
const SERIES: [f64; 11] = [
    1.0 / 479_001_600.0,
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    1.0 / 2.0,
];

/// Replaces every value by its exponential; values beyond ±700 count as that.
#[inline]
pub(crate) fn exponential<const N: usize>(values: &mut [f64; N]) {
    for value in values {
        let x = if *value < MOST { *value } else { MOST };
        let x = if x > -MOST { x } else { -MOST };
        let shifted = x * std::f64::consts::LOG2_E + ROUNDER;
        let whole = shifted - ROUNDER;
        let r = (x - whole * LN2.0) - whole * LN2.1;
        let mut sum = SERIES[0];
        for term in &SERIES[1..] {
            sum = sum * r + term;
        }
        let fraction = 1.0 + (r + r * r * sum);
        // 2^whole by its exponent bits.
        let exponent = shifted
            .to_bits()
            .wrapping_sub(ROUNDER.to_bits())
            .wrapping_add(1023);
        *value = fraction * f64::from_bits(exponent << 52);
    }
}

/// Replaces every log-odds by its probability.
#[inline]
pub(crate) fn logistic<const N: usize>(log_odds: &mut [f64; N]) {
    for eta in log_odds.iter_mut() {
        *eta = -*eta;
    }
    exponential(log_odds);
    for odds in log_odds {
        *odds = 1.0 / (1.0 + *odds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_logistic_function() {
        let mut greatest: f64 = 0.0;
        for step in -4000..4000 {
            let eta = f64::from(step) * 0.0101;
            let mut lanes = [eta; LANES];
            logistic(&mut lanes);
            let exact = 1.0 / (1.0 + libm::exp(-eta));
            greatest = greatest.max((lanes[0] / exact - 1.0).abs());
        }
        assert!(greatest < 1e-15, "{greatest:e}");
    }

    #[test]
    fn it_has_ends() {
        let mut lanes = [0.0, 1e9, -1e9, 800.0, -800.0, 36.0, -36.0, -0.0];
        logistic(&mut lanes);
        assert!(lanes.iter().all(|p| (0.0..=1.0).contains(p)));
        assert!(lanes[1] > 1.0 - 1e-15 && lanes[2] < 1e-300 && lanes[3] > 1.0 - 1e-15);
        assert!((lanes[0] - 0.5).abs() < 1e-16 && (lanes[7] - 0.5).abs() < 1e-16);
    }
}
