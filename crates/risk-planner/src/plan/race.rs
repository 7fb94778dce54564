//! A race of two lists in a plan: what is asked for, and what became of it.

use super::Line;
use crate::chooser::Raced;
use crate::evaluate::RaceSide;
use crate::limits::FieldError;
use crate::pool::Pool;
use crate::target::Target;
use crate::wire::request::{PlanRequest, RaceMeasure};
use compact_str::CompactString;
use std::collections::BTreeMap;

/// The lists of a race as they stand in a plan（清单对比名单）.
#[doc(alias = "清单对比名单")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaceListed {
    /// The race.
    pub id: CompactString,
    /// What is counted.
    pub measure: RaceMeasure,
    /// Judged tests of each list, over all its plans, after which it ends.
    pub ends_after: u32,
    /// Lines of the engine's list.
    pub engine: u32,
    /// Lines of the experts' list.
    pub experts: u32,
    /// Lines that stand on both, and are counted in both.
    pub both: u32,
    /// What the experts named before the last that was taken, and no list could take: it rests, may not be
    /// checked, was drawn, or caps leave no room.
    pub passed_over: Vec<Target>,
}

/// The race that a request asks for.
pub(super) fn raced(request: &PlanRequest, pool: &Pool) -> Result<Option<Raced>, FieldError> {
    let Some(race) = &request.race else {
        return Ok(None);
    };
    let wrong = |field: &str, rule: String| Err(FieldError::new(format!("race.{field}"), rule));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if race.id.is_empty() || race.id.len() > 64 || !race.id.bytes().all(plain) {
        let rule = "must be 1 to 64 letters, digits and hyphens of ASCII";
        return wrong("id", rule.to_owned());
    }
    let room = request.budgets.special_check / 2;
    if race.tests == 0 || race.tests > room {
        let rule = format!("must be from 1 to {room}: special checks have to do for both lists");
        return wrong("tests", rule);
    }
    if race.ends_after < race.tests {
        let rule = format!("must be at least {}, the tests of each list", race.tests);
        return wrong("ends_after", rule);
    }
    if race.experts.len() < race.tests as usize {
        let rule = format!("must name at least {} targets", race.tests);
        return wrong("experts", rule);
    }
    let mut experts = Vec::with_capacity(race.experts.len());
    let mut named = BTreeMap::new();
    for (at, of) in race.experts.iter().enumerate() {
        let target = of.target();
        let Some(unit) = pool.find(&target) else {
            let rule = format!("names {target}, which the frame does not have");
            return wrong(&format!("experts[{at}]"), rule);
        };
        if let Some(before) = named.insert(unit, at) {
            let rule = format!("names the target of race.experts[{before}] again");
            return wrong(&format!("experts[{at}]"), rule);
        }
        experts.push(unit as u32);
    }
    Ok(Some(Raced {
        tests: race.tests,
        experts,
    }))
}

/// The lists of a race as they came to stand.
pub(super) fn listed(request: &PlanRequest, lines: &[Line]) -> Option<RaceListed> {
    let race = request.race.as_ref()?;
    let mut sides: BTreeMap<&Target, RaceSide> = BTreeMap::new();
    for line in lines {
        if let Some(side) = line.race {
            sides.insert(&line.target, side);
        }
    }
    let count = |sought: RaceSide| {
        let on = sides.values().filter(|side| **side == sought);
        on.count() as u32
    };
    let both = count(RaceSide::Both);
    let (engine, experts) = (
        count(RaceSide::Engine) + both,
        count(RaceSide::Experts) + both,
    );
    let mut passed_over = Vec::new();
    let mut left = experts;
    for of in &race.experts {
        if left == 0 {
            break;
        }
        let target = of.target();
        match sides.get(&target) {
            Some(RaceSide::Experts | RaceSide::Both) => left -= 1,
            Some(RaceSide::Engine) | None => passed_over.push(target),
        }
    }
    Some(RaceListed {
        id: race.id.clone(),
        measure: race.measure,
        ends_after: race.ends_after,
        engine,
        experts,
        both,
        passed_over,
    })
}
