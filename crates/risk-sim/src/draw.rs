//! Drawing cells for a week: with known inclusion probabilities, or by weights alone.

use rand::Rng;
use rand_chacha::ChaCha12Rng;

/// First-order inclusion probabilities proportional to size, each at most 1（入样概率）.
///
/// Whoever would get more than 1 is taken for certain, and the rest share what is left.
pub(crate) fn inclusion_probabilities(sizes: &[f64], count: usize) -> Vec<f64> {
    let mut certain = vec![false; sizes.len()];
    let wanted = count.min(sizes.iter().filter(|size| **size > 0.0).count());
    loop {
        let open = || sizes.iter().zip(&certain).filter(|(_, certain)| !**certain);
        let total: f64 = open().map(|(size, _)| size).sum();
        let left = wanted as f64 - certain.iter().filter(|certain| **certain).count() as f64;
        let share = if total > 0.0 {
            left.max(0.0) / total
        } else {
            0.0
        };
        let mut found = false;
        for (size, certain) in sizes.iter().zip(&mut certain) {
            if !*certain && size * share >= 1.0 {
                *certain = true;
                found = true;
            }
        }
        if !found {
            let probability =
                |(size, certain): (&f64, &bool)| if *certain { 1.0 } else { size * share };
            return sizes.iter().zip(&certain).map(probability).collect();
        }
    }
}

/// Systematic draw along the given order: each unit comes with exactly its probability, and an
/// order by strata spreads the draw over them in proportion.
pub(crate) fn systematic(probabilities: &[f64], random: &mut ChaCha12Rng) -> Vec<usize> {
    let mut next: f64 = random.random();
    let mut reached = 0.0;
    let mut drawn = Vec::new();
    for (at, probability) in probabilities.iter().enumerate() {
        reached += probability;
        if reached > next {
            drawn.push(at);
            next += 1.0;
        }
    }
    drawn
}

/// Draw without replacement by weights; the probabilities are not known in closed form.
pub(crate) fn by_weight(weights: &[f64], count: usize, random: &mut ChaCha12Rng) -> Vec<usize> {
    // The `count` smallest exponential waiting times are a successive draw by weight.
    let mut waits: Vec<(f64, usize)> = weights
        .iter()
        .enumerate()
        .filter(|(_, weight)| **weight > 0.0)
        .map(|(at, weight)| (-libm::log(1.0 - random.random::<f64>()) / weight, at))
        .collect();
    if count < waits.len() {
        waits.select_nth_unstable_by(count, |one, other| one.0.total_cmp(&other.0));
        waits.truncate(count);
    }
    let mut drawn: Vec<usize> = waits.into_iter().map(|(_, at)| at).collect();
    drawn.sort_unstable();
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn units_too_large_are_certain_and_the_rest_share() {
        let probabilities = inclusion_probabilities(&[100.0, 1.0, 1.0, 2.0, 0.0], 3);
        assert_eq!(probabilities, [1.0, 0.5, 0.5, 1.0, 0.0]);
        let few = inclusion_probabilities(&[1.0, 0.0], 5);
        assert_eq!(few, [1.0, 0.0], "no more than there are");
    }

    #[test]
    fn the_systematic_draw_keeps_its_probabilities() {
        let seed = 11;
        println!("seed {seed}");
        let mut random = ChaCha12Rng::seed_from_u64(seed);
        let probabilities = inclusion_probabilities(&[1.0, 2.0, 3.0, 4.0, 10.0], 2);
        let mut counts = [0_u32; 5];
        for _ in 0..20_000 {
            let drawn = systematic(&probabilities, &mut random);
            assert_eq!(drawn.len(), 2);
            for at in drawn {
                counts[at] += 1;
            }
        }
        for (count, probability) in counts.iter().zip(&probabilities) {
            let seen = f64::from(*count) / 20_000.0;
            assert!(
                (seen - probability).abs() < 0.02,
                "{seen} against {probability}"
            );
        }
    }

    #[test]
    fn heavier_units_are_drawn_more_often() {
        let seed = 12;
        println!("seed {seed}");
        let mut random = ChaCha12Rng::seed_from_u64(seed);
        let mut counts = [0_u32; 3];
        for _ in 0..9_000 {
            for at in by_weight(&[1.0, 2.0, 6.0], 1, &mut random) {
                counts[at] += 1;
            }
        }
        let share = |at: usize| f64::from(counts[at]) / 9_000.0;
        assert!((share(0) - 1.0 / 9.0).abs() < 0.02, "{counts:?}");
        assert!((share(2) - 6.0 / 9.0).abs() < 0.02, "{counts:?}");
    }
}
