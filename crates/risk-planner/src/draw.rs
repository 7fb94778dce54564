//! Chance that can be recomputed: commit, draw, reveal（承诺、抽取、公开）.
//!
//! Before the draw the hash of the pool and of a secret are published. The key of the draw is
//! SHA-256(secret ‖ beacon), the beacon being a public value that nobody knew when the secret was
//! committed to; without a beacon the key is SHA-256(secret). Every unit then has a uniform number by
//! HMAC-SHA-256(key, plan ⇥ mode ⇥ target), and what is drawn follows from these numbers and the
//! probabilities of the pool alone.

use crate::strata::{Scheme, Stratum};
use compact_str::CompactString;
use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use risk_domain::ids::DrawId;
use risk_domain::plan_act::hexadecimal;
use risk_domain::selection::SelectionMode;
use risk_stats::allocation::pareto_ranks;
use sha2::{Digest, Sha256};
use std::fmt;

/// A secret of 256 bits（抽取密钥）. It shows as `***`.
#[doc(alias = "抽取密钥")]
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 32]);

impl Secret {
    /// Of 32 bytes that nobody else knows.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Of 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Result<Self, DrawError> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(DrawError::SecretText);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            for digit in pair {
                let value = char::from(*digit)
                    .to_digit(16)
                    .ok_or(DrawError::SecretText)?;
                *byte = *byte << 4 | value as u8;
            }
        }
        Ok(Self(bytes))
    }

    /// Its digits, for revealing it.
    pub fn reveal(&self) -> String {
        hexadecimal(&self.0)
    }

    /// SHA-256 of the secret, which binds to it without telling it.
    pub fn commitment(&self) -> String {
        hexadecimal(&Sha256::digest(self.0))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// A public value that the draw depends on（公共信标）.
#[doc(alias = "公共信标")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beacon {
    /// Where it is published.
    pub source: CompactString,
    /// Which of its values.
    pub round: CompactString,
}

/// What is published before a draw（承诺值）.
#[doc(alias = "承诺值")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commitment {
    /// The draw.
    pub draw: DrawId,
    /// SHA-256 of the pool's text, in hexadecimal digits.
    pub pool_sha256: String,
    /// SHA-256 of the secret.
    pub secret_sha256: String,
    /// The public value that the draw waits for.
    pub beacon: Option<Beacon>,
}

/// Why a draw cannot be made, or does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DrawError {
    /// Not 64 hexadecimal digits.
    #[error("a secret must have 64 hexadecimal digits")]
    SecretText,
    /// The draw waits for a value that was not given.
    #[error(
        "the draw waits for round {round} of {source_name}: give its value once it is published"
    )]
    BeaconMissing {
        /// Where it will be published.
        source_name: CompactString,
        /// Which of its values.
        round: CompactString,
    },
    /// A value was given to a draw that waits for none.
    #[error("the draw was committed to without a beacon, and takes no value of one")]
    BeaconUnasked,
    /// An empty value.
    #[error("the value of a beacon must not be empty")]
    BeaconEmpty,
    /// A weight or probability with which nothing can be drawn.
    #[error("stratum {0}: probabilities must lie above 0, at most at 1, and sum to the draws")]
    Probabilities(CompactString),
}

/// What turns a pool into a list（抽取钥）.
#[doc(alias = "抽取钥")]
#[derive(Clone)]
pub struct DrawKey(Hmac<Sha256>);

impl fmt::Debug for DrawKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DrawKey(***)")
    }
}

impl DrawKey {
    /// The key of a committed draw, from its secret and the value of its beacon.
    pub fn new(
        secret: &Secret,
        beacon: Option<&Beacon>,
        value: Option<&str>,
    ) -> Result<Self, DrawError> {
        let mut hash = Sha256::new();
        hash.update(secret.0);
        match (beacon, value) {
            (None, None) => {}
            (Some(_), Some("")) => return Err(DrawError::BeaconEmpty),
            (Some(_), Some(value)) => hash.update(value.as_bytes()),
            (None, Some(_)) => return Err(DrawError::BeaconUnasked),
            (Some(beacon), None) => {
                return Err(DrawError::BeaconMissing {
                    source_name: beacon.source.clone(),
                    round: beacon.round.clone(),
                });
            }
        }
        // A key shorter than the hash's block is filled up with zeros (RFC 2104), which never fails.
        let mut block = [0; 64];
        block[..32].copy_from_slice(&hash.finalize());
        Ok(Self(<Hmac<Sha256> as KeyInit>::new(&block.into())))
    }

    /// The uniform number of a unit, above 0 and below 1: odd multiples of 2⁻⁵³.
    pub fn uniform(&self, draw: &DrawId, mode: SelectionMode, unit: &str) -> f64 {
        let mut mac = self.0.clone();
        mac.update(draw.as_str().as_bytes());
        mac.update(b"\t");
        mac.update(mode.code().as_bytes());
        mac.update(b"\t");
        mac.update(unit.as_bytes());
        let digest = mac.finalize().into_bytes();
        let first = digest
            .iter()
            .take(8)
            .fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
        let odd = (first >> 12) * 2 + 1;
        odd as f64 / 9_007_199_254_740_992.0
    }
}

/// What was drawn from a stratum, by places among its units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Drawn {
    /// In the order of their ranks.
    pub(crate) chosen: Vec<usize>,
    /// Who replaces one that is closed or gone, in this order.
    pub(crate) reserves: Vec<usize>,
}

/// Draws from a stratum by the uniform numbers of its units; `start` is the stratum's own.
///
/// Pareto's scheme takes the least [u/(1−u)]/[π/(1−π)]. The systematic one orders the units by their
/// numbers and takes those in whose stretch of Σπ a comb with teeth 1 apart falls, which keeps every
/// probability exactly however few are drawn.
pub(crate) fn draw(
    stratum: &Stratum,
    uniforms: &[f64],
    start: f64,
    reserves: usize,
) -> Result<Drawn, DrawError> {
    let wrong = || DrawError::Probabilities(stratum.name.clone());
    let probabilities: Vec<f64> = stratum.units.iter().map(|unit| unit.probability).collect();
    let ranks = pareto_ranks(&probabilities, uniforms).map_err(|_| wrong())?;
    let quota = stratum.quota as usize;
    let count = ranks.len();
    if quota > count {
        return Err(wrong());
    }
    let by_rank =
        |one: &usize, other: &usize| ranks[*one].total_cmp(&ranks[*other]).then(one.cmp(other));
    let mut order: Vec<usize> = (0..count).collect();
    match stratum.scheme {
        Scheme::Pareto => {
            let kept = (quota + reserves).min(count);
            if kept > 0 && kept < count {
                order.select_nth_unstable_by(kept - 1, by_rank);
                order.truncate(kept);
            }
            order.sort_unstable_by(by_rank);
            let reserves = order.split_off(quota);
            Ok(Drawn {
                chosen: order,
                reserves,
            })
        }
        Scheme::Systematic => {
            let mut line: Vec<usize> = order.clone();
            line.sort_unstable_by(|one, other| {
                uniforms[*one]
                    .total_cmp(&uniforms[*other])
                    .then(one.cmp(other))
            });
            let mut taken = vec![false; count];
            let (mut reached, mut teeth) = (0.0, 0_usize);
            for at in &line {
                reached += probabilities[*at];
                if teeth < quota && reached > start + teeth as f64 {
                    taken[*at] = true;
                    teeth += 1;
                }
            }
            // The last tooth lies below the quota; rounding may have let the sum miss it by a hair.
            for at in line.iter().rev() {
                if teeth < quota && !taken[*at] {
                    taken[*at] = true;
                    teeth += 1;
                }
            }
            order.sort_unstable_by(by_rank);
            let (chosen, mut rest): (Vec<usize>, Vec<usize>) =
                order.into_iter().partition(|at| taken[*at]);
            rest.truncate(reserves);
            Ok(Drawn {
                chosen,
                reserves: rest,
            })
        }
    }
}

#[cfg(test)]
mod tests;
