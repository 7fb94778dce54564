//! Randomness for commitments; the only randomness that the store draws.

use rand::RngCore;

/// 32 fresh random bytes for one block's commitments, from the operating system's generator.
pub fn fresh_seed() -> [u8; 32] {
    let mut seed = [0; 32];
    rand::rng().fill_bytes(&mut seed);
    seed
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_seeds_differ() {
        assert_ne!(super::fresh_seed(), super::fresh_seed());
    }
}
