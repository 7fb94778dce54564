//! The published record of a draw（抽取公示）, and its verification by anyone.
//!
//! The pool is a text of its own, because its hash is committed to before the draw. Its lines end in
//! a line feed, its fields are parted by tabs, its numbers are the shortest decimals that read back to
//! the same 64-bit float:
//!
//! ```text
//! spotcheck-draw-pool/1
//! draw        ID
//! stratum     MODE    NAME    DRAWS   SCHEME
//! TARGET      WEIGHT  PROBABILITY
//! ```

use crate::draw::{Beacon, Commitment, DrawError, DrawKey, Secret, draw};
use crate::plan::{Plan, reserves};
use crate::strata::{Scheme, Stratum, StratumUnit};
use crate::target::Target;
use compact_str::CompactString;
use risk_domain::ids::DrawId;
use risk_domain::plan_act::hexadecimal;
use risk_domain::selection::SelectionMode;
use risk_stats::allocation::inclusion_probabilities;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;
use utoipa::ToSchema;

/// First line of a pool's text.
pub const POOL_FORMAT: &str = "spotcheck-draw-pool/1";
/// Format of a record.
pub const RECORD_FORMAT: &str = "spotcheck-draw/1";

/// What is published of a draw（抽取公示）.
#[doc(alias = "抽取公示")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DrawRecord {
    /// `spotcheck-draw/1`.
    pub format: String,
    /// The draw.
    #[schema(value_type = String)]
    pub draw: DrawId,
    /// SHA-256 of the pool's text, published before the draw.
    pub pool_sha256: String,
    /// SHA-256 of the secret, published before the draw.
    pub secret_sha256: String,
    /// Where the public value is found, named before the draw; none for a draw from the secret alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beacon: Option<super::request::BeaconRequest>,
    /// That value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beacon_value: Option<String>,
    /// The secret, 64 hexadecimal digits.
    pub secret: String,
    /// Replacements named for a stratum, as a share of its draws.
    pub reserve_share: f64,
    /// What was drawn.
    pub lines: Vec<DrawnLine>,
    /// Who replaces a target that is closed or gone.
    pub reserves: Vec<DrawnLine>,
}

/// A drawn target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DrawnLine {
    /// Which mode.
    #[schema(value_type = String)]
    pub mode: SelectionMode,
    /// Which stratum.
    #[schema(value_type = String)]
    pub stratum: CompactString,
    /// The target, as `enterprise/site/product`.
    pub target: String,
    /// Probability with which it was drawn.
    pub inclusion_probability: f64,
}

/// Why a record does not hold.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum VerifyError {
    /// Another format.
    #[error("format: must be {RECORD_FORMAT}")]
    Format,
    /// The pool is not the one that was committed to.
    #[error("the pool has SHA-256 {found}, but {committed} was committed to")]
    Pool {
        /// Of the text at hand.
        found: String,
        /// Published before.
        committed: String,
    },
    /// The secret is not the one that was committed to.
    #[error("the secret has SHA-256 {found}, but {committed} was committed to")]
    Secret {
        /// Of the secret at hand.
        found: String,
        /// Published before.
        committed: String,
    },
    /// A line of the pool cannot be read.
    #[error("pool, line {line}: {rule}")]
    Text {
        /// Which line, from 1.
        line: usize,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// Probabilities do not follow from the weights.
    #[error("stratum {0}: the probabilities do not follow from the weights and the draws")]
    Weights(CompactString),
    /// The draw cannot be made again.
    #[error("{0}")]
    Draw(#[from] DrawError),
    /// The list says otherwise than the draw.
    #[error("{list}, number {number}: the draw gives {expected}, the record says {found}")]
    List {
        /// `lines` or `reserves`.
        list: &'static str,
        /// Which, from 1.
        number: usize,
        /// What follows from pool, secret and beacon.
        expected: String,
        /// What stands there.
        found: String,
    },
}

/// What a verified record is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Strata.
    pub strata: usize,
    /// Units that could be drawn.
    pub units: usize,
    /// Units that were.
    pub lines: usize,
    /// Replacements.
    pub reserves: usize,
}

/// Writes the text of a pool.
pub(crate) fn pool_text<'a>(
    draw: &DrawId,
    strata: &[Stratum],
    target: impl Fn(u32) -> &'a Target,
    mut out: impl FnMut(&str),
) {
    out(POOL_FORMAT);
    out("\n");
    let mut line = String::new();
    let mut write = |text: std::fmt::Arguments<'_>, out: &mut dyn FnMut(&str)| {
        line.clear();
        if line.write_fmt(text).is_ok() {
            out(&line);
        }
    };
    write(format_args!("draw\t{draw}\n"), &mut out);
    for stratum in strata {
        let Stratum {
            mode, name, quota, ..
        } = stratum;
        let scheme = stratum.scheme.code();
        write(
            format_args!("stratum\t{mode}\t{name}\t{quota}\t{scheme}\n"),
            &mut out,
        );
        for unit in &stratum.units {
            let target = target(unit.unit);
            let (weight, probability) = (unit.weight, unit.probability);
            write(
                format_args!("{target}\t{weight:?}\t{probability:?}\n"),
                &mut out,
            );
        }
    }
}

impl DrawRecord {
    /// The record of a plan that was drawn.
    pub fn new(
        commitment: &Commitment,
        secret: &Secret,
        beacon_value: Option<&str>,
        reserve_share: f64,
        plan: &Plan,
    ) -> Self {
        let lines = plan.lines.iter().filter_map(|line| {
            Some(DrawnLine {
                mode: line.mode,
                stratum: line.stratum.clone()?,
                target: line.target.to_string(),
                inclusion_probability: line.inclusion?,
            })
        });
        let reserves = plan.reserves.iter().map(|reserve| DrawnLine {
            mode: reserve.mode,
            stratum: reserve.stratum.clone(),
            target: reserve.target.to_string(),
            inclusion_probability: reserve.inclusion,
        });
        let beacon = commitment.beacon.as_ref();
        Self {
            format: RECORD_FORMAT.to_owned(),
            draw: commitment.draw.clone(),
            pool_sha256: commitment.pool_sha256.clone(),
            secret_sha256: commitment.secret_sha256.clone(),
            beacon: beacon.map(|beacon| super::request::BeaconRequest {
                source: beacon.source.clone(),
                round: beacon.round.clone(),
            }),
            beacon_value: beacon_value.map(str::to_owned),
            secret: secret.reveal(),
            reserve_share,
            lines: lines.collect(),
            reserves: reserves.collect(),
        }
    }

    /// Draws again from what was published and holds the result against the list.
    pub fn verify(&self, pool: &str) -> Result<Verified, VerifyError> {
        if self.format != RECORD_FORMAT {
            return Err(VerifyError::Format);
        }
        let found = hexadecimal(&Sha256::digest(pool.as_bytes()));
        if found != self.pool_sha256 {
            return Err(VerifyError::Pool {
                found,
                committed: self.pool_sha256.clone(),
            });
        }
        let secret = Secret::from_hex(&self.secret)?;
        if secret.commitment() != self.secret_sha256 {
            return Err(VerifyError::Secret {
                found: secret.commitment(),
                committed: self.secret_sha256.clone(),
            });
        }
        let beacon = self.beacon.as_ref().map(|beacon| Beacon {
            source: beacon.source.clone(),
            round: beacon.round.clone(),
        });
        let key = DrawKey::new(&secret, beacon.as_ref(), self.beacon_value.as_deref())?;
        let (strata, targets) = read_pool(pool, &self.draw)?;
        let (mut lines, mut stand_by) = (Vec::new(), Vec::new());
        for stratum in &strata {
            check_probabilities(stratum)?;
            let uniform = |text: &str| key.uniform(&self.draw, stratum.mode, text);
            let uniforms: Vec<f64> = stratum
                .units
                .iter()
                .map(|unit| uniform(targets[unit.unit as usize]))
                .collect();
            let wanted = reserves(stratum.quota, self.reserve_share);
            let drawn = draw(stratum, &uniforms, uniform(&stratum.name), wanted)?;
            let line = |at: &usize| {
                let unit = stratum.units[*at];
                DrawnLine {
                    mode: stratum.mode,
                    stratum: stratum.name.clone(),
                    target: targets[unit.unit as usize].to_owned(),
                    inclusion_probability: unit.probability,
                }
            };
            lines.extend(drawn.chosen.iter().map(line));
            stand_by.extend(drawn.reserves.iter().map(line));
        }
        lines.sort_by_key(|line: &DrawnLine| line.mode);
        agree("lines", &lines, &self.lines)?;
        agree("reserves", &stand_by, &self.reserves)?;
        Ok(Verified {
            strata: strata.len(),
            units: targets.len(),
            lines: lines.len(),
            reserves: stand_by.len(),
        })
    }
}

/// Probabilities with which the targets of a pool's text were drawn by one mode.
pub fn logged_probabilities<'a>(
    pool: &'a str,
    draw: &DrawId,
    mode: SelectionMode,
) -> Result<BTreeMap<&'a str, f64>, VerifyError> {
    let (strata, targets) = read_pool(pool, draw)?;
    let of_mode = strata.iter().filter(|stratum| stratum.mode == mode);
    let units = of_mode.flat_map(|stratum| &stratum.units);
    let logged = units.map(|unit| (targets[unit.unit as usize], unit.probability));
    Ok(logged.collect())
}

fn agree(list: &'static str, drawn: &[DrawnLine], said: &[DrawnLine]) -> Result<(), VerifyError> {
    for at in 0..drawn.len().max(said.len()) {
        let (expected, found) = (drawn.get(at), said.get(at));
        if expected != found {
            let show = |line: Option<&DrawnLine>| {
                line.map_or_else(
                    || "nothing".to_owned(),
                    |line| {
                        format!(
                            "{} by {} from {} with probability {:?}",
                            line.target, line.mode, line.stratum, line.inclusion_probability
                        )
                    },
                )
            };
            return Err(VerifyError::List {
                list,
                number: at + 1,
                expected: show(expected),
                found: show(found),
            });
        }
    }
    Ok(())
}

/// Probabilities are those of the weights, as far as another program's rounding allows.
fn check_probabilities(stratum: &Stratum) -> Result<(), VerifyError> {
    let wrong = || VerifyError::Weights(stratum.name.clone());
    let weights: Vec<f64> = stratum.units.iter().map(|unit| unit.weight).collect();
    let follow = inclusion_probabilities(&weights, stratum.quota as usize).map_err(|_| wrong())?;
    let all = stratum.units.iter().zip(follow);
    let close = |(unit, probability): (&StratumUnit, f64)| {
        unit.probability > 0.0 && (unit.probability - probability).abs() < 1e-9
    };
    if all.into_iter().all(close) {
        Ok(())
    } else {
        Err(wrong())
    }
}

/// Strata, and the targets that their units number.
fn read_pool<'a>(
    pool: &'a str,
    draw: &DrawId,
) -> Result<(Vec<Stratum>, Vec<&'a str>), VerifyError> {
    let mut lines = (1..).zip(pool.split_terminator('\n'));
    let wrong = |line: usize, rule: &'static str| VerifyError::Text { line, rule };
    if lines.next().map(|(_, line)| line) != Some(POOL_FORMAT) {
        return Err(wrong(1, "must name the format"));
    }
    let named = lines
        .next()
        .and_then(|(_, line)| line.strip_prefix("draw\t"));
    if named != Some(draw.as_str()) {
        return Err(wrong(2, "must name the draw of the record"));
    }
    let mut strata: Vec<Stratum> = Vec::new();
    let mut targets = Vec::new();
    for (number, line) in lines {
        let fields: Vec<&str> = line.split('\t').collect();
        if let ["stratum", mode, name, quota, scheme] = fields.as_slice() {
            strata.push(Stratum {
                mode: SelectionMode::from_code(mode)
                    .ok_or_else(|| wrong(number, "must name a mode"))?,
                name: CompactString::from(*name),
                quota: quota
                    .parse()
                    .map_err(|_| wrong(number, "must say how many are drawn"))?,
                scheme: Scheme::from_code(scheme)
                    .ok_or_else(|| wrong(number, "must name a scheme"))?,
                units: Vec::new(),
            });
        } else if let [target, weight, probability] = fields.as_slice() {
            let stratum = strata
                .last_mut()
                .ok_or_else(|| wrong(number, "must stand in a stratum"))?;
            let figure = |text: &str| text.parse().map_err(|_| wrong(number, "must be a number"));
            stratum.units.push(StratumUnit {
                unit: targets.len() as u32,
                weight: figure(weight)?,
                probability: figure(probability)?,
            });
            targets.push(*target);
        } else {
            return Err(wrong(number, "must have the fields of a stratum or a unit"));
        }
    }
    Ok((strata, targets))
}
