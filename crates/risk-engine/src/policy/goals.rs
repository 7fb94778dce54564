//! Pass rates that are to be reached（合格率目标）: figures of their own, or what others publish.

use super::{PolicyError, text};
use crate::campaign::Domain;
use crate::rates::Target;
use risk_domain::subject::Subject;
use risk_domain::time::Day;

/// A pass rate that a domain is to reach（合格率目标）.
#[doc(alias = "合格率目标")]
#[derive(Debug, Clone, PartialEq)]
pub struct RateTarget {
    /// The city, a sector, a product or a zone by its text, `channel:` with a code, or `class:` with a
    /// name.
    pub domain: String,
    /// What it is to reach.
    pub goal: Goal,
}

/// What a domain is to reach.
#[derive(Debug, Clone, PartialEq)]
pub enum Goal {
    /// A pass rate.
    Fixed(Target),
    /// More than the benchmark of this name.
    Above(String),
}

/// A pass rate that others publish, such as that of the province（全省平均合格率）.
#[doc(alias = "全省平均合格率")]
#[derive(Debug, Clone, PartialEq)]
pub struct Benchmark {
    /// Its name.
    pub name: String,
    /// First day that it counts for; it does until the next of its name.
    pub from: Day,
    /// The pass rate.
    pub pass_rate: Target,
}

/// Everything that is to be reached, the latest benchmark of a name last.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Goals {
    targets: Vec<RateTarget>,
    benchmarks: Vec<Benchmark>,
}

/// What a domain is to reach in a period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wanted<'a> {
    /// The pass rate.
    pub target: Target,
    /// Whose published rate that is; none for a figure of its own.
    pub above: Option<&'a str>,
}

impl Goals {
    /// What a domain is to reach in a period that ends before this day; none where nothing is wanted,
    /// or the benchmark had not been published by then. Of two targets of a domain the later stands.
    pub fn of(&self, domain: &str, until: Day) -> Option<Wanted<'_>> {
        let mut targets = self.targets.iter();
        let target = targets.rfind(|one| one.domain == domain)?;
        match &target.goal {
            Goal::Fixed(target) => Some(Wanted {
                target: *target,
                above: None,
            }),
            Goal::Above(name) => {
                let mut published = self.benchmarks.iter();
                let found = published.rfind(|one| one.name == *name && one.from < until)?;
                Some(Wanted {
                    target: found.pass_rate,
                    above: Some(name),
                })
            }
        }
    }
}

fn broken<T>(key: &'static str, rule: &'static str) -> Result<T, PolicyError> {
    Err(PolicyError::Range { key, rule })
}

fn pass_rate(key: &'static str, raw: f64) -> Result<Target, PolicyError> {
    Target::new(raw).or_else(|_error| broken(key, "must be above 0 and below 1"))
}

pub(super) fn goals(
    targets: Vec<text::Target>,
    benchmarks: Vec<text::Benchmark>,
) -> Result<Goals, PolicyError> {
    let benchmark = |raw: text::Benchmark| {
        let Ok(from) = raw.from.parse::<Day>() else {
            return broken("benchmarks.from", "must be a date, as 2026-01-01");
        };
        if raw.name.is_empty() {
            return broken("benchmarks.name", "must not be empty");
        }
        Ok(Benchmark {
            name: raw.name,
            from,
            pass_rate: pass_rate("benchmarks.pass_rate", raw.pass_rate)?,
        })
    };
    let benchmarks: Result<Vec<Benchmark>, PolicyError> =
        benchmarks.into_iter().map(benchmark).collect();
    let mut benchmarks = benchmarks?;
    benchmarks.sort_by_key(|one| one.from);
    let target = |raw: text::Target| {
        let named = match Domain::parse(&raw.domain) {
            Some(
                Domain::City
                | Domain::Channel(_)
                | Domain::Class(_)
                | Domain::Of(Subject::Sector(_) | Subject::Product(_) | Subject::Zone(_)),
            ) => true,
            Some(Domain::Of(Subject::Enterprise(_) | Subject::Site(_) | Subject::Cell(..)))
            | None => false,
        };
        if !named {
            let rule = "must be city, or sector:, product:, zone:, channel: or class: with a code";
            return broken("targets.domain", rule);
        }
        let goal = match (raw.pass_rate, raw.above) {
            (Some(rate), None) => Goal::Fixed(pass_rate("targets.pass_rate", rate)?),
            (None, Some(name)) if benchmarks.iter().any(|one| one.name == name) => {
                Goal::Above(name)
            }
            (None, Some(_)) => return broken("targets.above", "must name one of `benchmarks`"),
            (Some(_), Some(_)) | (None, None) => {
                return broken("targets", "must have either `pass_rate` or `above`");
            }
        };
        Ok(RateTarget {
            domain: raw.domain,
            goal,
        })
    };
    let targets: Result<Vec<RateTarget>, PolicyError> = targets.into_iter().map(target).collect();
    Ok(Goals {
        targets: targets?,
        benchmarks,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(domain: &str, pass_rate: Option<f64>, above: Option<&str>) -> text::Target {
        text::Target {
            domain: domain.to_owned(),
            pass_rate,
            above: above.map(str::to_owned),
        }
    }

    fn benchmark(from: &str, pass_rate: f64) -> text::Benchmark {
        text::Benchmark {
            name: "province".to_owned(),
            from: from.to_owned(),
            pass_rate,
        }
    }

    #[test]
    fn a_target_above_others_is_what_they_had_published_by_then() {
        let published = vec![benchmark("2026-01-01", 0.93), benchmark("2025-01-01", 0.91)];
        let wanted = vec![
            target("city", None, Some("province")),
            target("sector:food", Some(0.99), None),
        ];
        let goals = goals(wanted, published).unwrap();
        let at = |domain: &str, until: &str| {
            let wanted = goals.of(domain, until.parse().unwrap());
            wanted.map(|wanted| (wanted.target.pass_rate(), wanted.above))
        };
        assert_eq!(at("city", "2025-01-01"), None);
        assert_eq!(at("city", "2025-04-01"), Some((0.91, Some("province"))));
        assert_eq!(at("city", "2026-04-01"), Some((0.93, Some("province"))));
        assert_eq!(at("sector:food", "2020-01-01"), Some((0.99, None)));
        assert_eq!(at("sector:toys", "2026-04-01"), None);
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_name() {
        let key = |targets, benchmarks| match goals(targets, benchmarks) {
            Err(PolicyError::Range { key, .. }) => key,
            other => panic!("{other:?}"),
        };
        let city = |above| vec![target("city", None, above)];
        assert_eq!(key(city(Some("province")), vec![]), "targets.above");
        assert_eq!(key(city(None), vec![]), "targets");
        let food = vec![target("sector:food", Some(1.0), None)];
        assert_eq!(key(food, vec![]), "targets.pass_rate");
        let one = vec![target("enterprise:E1", Some(0.9), None)];
        assert_eq!(key(one, vec![]), "targets.domain");
        assert_eq!(key(vec![], vec![benchmark("soon", 0.9)]), "benchmarks.from");
        let whole = vec![benchmark("2026-01-01", 1.0)];
        assert_eq!(key(vec![], whole), "benchmarks.pass_rate");
    }
}
