//! What is heard of enterprises beside results（风险信号）: complaints, credit classes, their own records of duty,
//! and now and then the media or somebody hurt.

use crate::demo::CityError;
use crate::workdays::at;
use compact_str::{CompactString, format_compact};
use rand::Rng;
use rand_chacha::ChaCha12Rng;
use risk_domain::ids::{EnterpriseClass, EnterpriseId, ProductCode, SignalId, SiteId, ZoneId};
use risk_domain::inspection::{InspectionResult, Outcome};
use risk_domain::registry::RegistryEntry;
use risk_domain::scales::CreditRiskClass;
use risk_domain::signal::{Duty, DutyRecord, Signal, SignalKind};
use risk_domain::time::{CivilOffset, DAY_MILLIS, Day, Timestamp};
use std::collections::BTreeMap;

/// Months of which classes are told: the window of inspection ratios, and one more.
const MONTHS: i32 = 13;
/// Weeks since which duties are on record, at most.
const WEEKS: i32 = 26;
/// Share of medium and large sellers that put their duties on record.
const ON_RECORD: f64 = 0.5;
/// Share of these that stopped within the last weeks.
const LAPSED: f64 = 0.08;
/// Share of days on which a check of one's own finds a risk.
const RISK_FOUND: f64 = 0.03;
/// Share of failures of which the media report within the week.
const REPORTED: f64 = 0.004;
/// Share of failures before which somebody was hurt.
const HURT: f64 = 0.002;

/// A complaint about goods（投诉）.
#[derive(Debug)]
pub(crate) struct Complaint {
    pub(crate) received_at: Timestamp,
    pub(crate) enterprise: EnterpriseId,
    pub(crate) site: SiteId,
    pub(crate) zone: ZoneId,
    /// About what, where it says so.
    pub(crate) product: Option<ProductCode>,
    /// What it says.
    pub(crate) topic: &'static str,
}

/// A seller as the register knows it.
struct Seller {
    enterprise: EnterpriseId,
    opened: Timestamp,
    closed: Option<Timestamp>,
    /// Whether it is medium or large.
    grown: bool,
}

/// All that is heard in a city up to a day, in the order in which it is heard.
pub(crate) fn signals(
    complaints: Vec<Complaint>,
    results: &[InspectionResult],
    register: &[RegistryEntry],
    (first_day, last_day): (Day, Day),
    random: &mut ChaCha12Rng,
) -> Result<Vec<Signal>, CityError> {
    let sellers = sellers(register);
    let mut heard = complained(complaints)?;
    seen(&mut heard, results, first_day, random)?;
    let failures = failures(results);
    let (year, month) = last_day.year_month();
    let this_month = Day::from_ymd(year, month, 1).unwrap_or(last_day);
    let months = (1 - MONTHS..=0).map(|back| this_month.plus_months(back));
    let months: Vec<Day> = months.filter(|month| *month >= first_day).collect();
    for seller in &sellers {
        // How well its papers are kept, of which a class knows more than of its goods.
        let papers: f64 = random.random();
        for month in &months {
            let told = at(month.plus(3), random.random_range(9 * 60..17 * 60));
            if seller.opened <= told && seller.closed.is_none_or(|closed| told < closed) {
                let known = failures.get(&seller.enterprise);
                heard.push(classed(seller, *month, told, (papers, known))?);
            }
        }
        if seller.grown && random.random_bool(ON_RECORD) {
            on_record(&mut heard, seller, (first_day, last_day), random)?;
        }
    }
    let end = CivilOffset::CHINA.start_of(last_day.plus(1));
    heard.retain(|signal| signal.observed_at < end);
    heard.sort_by(|one, other| {
        (one.observed_at, &one.signal_id).cmp(&(other.observed_at, &other.signal_id))
    });
    Ok(heard)
}

/// The register's sellers in the order of their ids.
fn sellers(register: &[RegistryEntry]) -> Vec<Seller> {
    let mut sellers: BTreeMap<&EnterpriseId, Seller> = BTreeMap::new();
    for entry in register {
        let class = entry.class.as_ref().map(EnterpriseClass::as_str);
        let seller = sellers
            .entry(&entry.enterprise_id)
            .or_insert_with(|| Seller {
                enterprise: entry.enterprise_id.clone(),
                opened: entry.observed_at,
                closed: None,
                grown: matches!(class, Some("medium" | "large")),
            });
        if !entry.open {
            seller.closed = Some(entry.observed_at);
        }
    }
    sellers.into_values().collect()
}

/// When each enterprise failed.
fn failures(results: &[InspectionResult]) -> BTreeMap<&EnterpriseId, Vec<Timestamp>> {
    let mut failures: BTreeMap<&EnterpriseId, Vec<Timestamp>> = BTreeMap::new();
    let failed = results
        .iter()
        .filter(|result| result.outcome == Outcome::Nonconforming);
    for result in failed {
        let of = failures.entry(&result.site.enterprise_id).or_default();
        of.push(result.observed_at);
    }
    failures
}

fn blank(
    kind: SignalKind,
    id: CompactString,
    observed_at: Timestamp,
    enterprise: &EnterpriseId,
    source: &'static str,
) -> Result<Signal, CityError> {
    Ok(Signal {
        signal_id: SignalId::new(id)?,
        kind,
        observed_at,
        occurred_at: None,
        enterprise_id: enterprise.clone(),
        site_id: None,
        zone_id: None,
        product: None,
        hazard: None,
        severity: None,
        source: CompactString::const_new(source),
        summary: None,
        verdict: None,
        credit_class: None,
        reporter: None,
        duty: None,
    })
}

fn complained(mut complaints: Vec<Complaint>) -> Result<Vec<Signal>, CityError> {
    complaints
        .sort_by(|one, other| (one.received_at, &one.site).cmp(&(other.received_at, &other.site)));
    let numbered = (1..).zip(complaints);
    let signal = |(number, of): (u32, Complaint)| {
        let id = format_compact!("TS-{number:06}");
        let kind = SignalKind::Complaint;
        Ok(Signal {
            site_id: Some(of.site),
            zone_id: Some(of.zone),
            product: of.product,
            summary: Some(CompactString::const_new(of.topic)),
            ..blank(kind, id, of.received_at, &of.enterprise, "12315")?
        })
    };
    numbered.map(signal).collect()
}

/// Of some failures the media report, and before some somebody was hurt.
fn seen(
    heard: &mut Vec<Signal>,
    results: &[InspectionResult],
    first_day: Day,
    random: &mut ChaCha12Rng,
) -> Result<(), CityError> {
    let begin = CivilOffset::CHINA.start_of(first_day);
    let failed = results
        .iter()
        .filter(|result| result.outcome == Outcome::Nonconforming);
    for result in failed {
        let mut about = |kind, at, id, source, summary| -> Result<(), CityError> {
            let site = &result.site;
            heard.push(Signal {
                site_id: Some(site.site_id.clone()),
                zone_id: Some(site.zone_id.clone()),
                product: Some(result.product.category.clone()),
                severity: result.items.iter().filter_map(|item| item.severity).max(),
                summary: Some(CompactString::const_new(summary)),
                ..blank(kind, id, at, &site.enterprise_id, source)?
            });
            Ok(())
        };
        let id = &result.inspection_id;
        if random.random_bool(REPORTED) {
            let later = random.random_range(1..=7) * DAY_MILLIS;
            let at = result.observed_at.plus_millis(later);
            let id = format_compact!("MT-{id}");
            about(
                SignalKind::MediaExposure,
                at,
                id,
                "本地媒体",
                "报道抽检不合格商品仍在销售",
            )?;
        }
        if random.random_bool(HURT) {
            let before = random.random_range(3..=21) * DAY_MILLIS;
            let at = result.sampled_at.plus_millis(-before).max(begin);
            let id = format_compact!("SG-{id}");
            about(SignalKind::Accident, at, id, "医院报告", "使用中受伤")?;
        }
    }
    Ok(())
}

/// The credit class of a month, by failures of the year before and by papers.
fn classed(
    seller: &Seller,
    month: Day,
    told: Timestamp,
    (papers, failures): (f64, Option<&Vec<Timestamp>>),
) -> Result<Signal, CityError> {
    let since = told.plus_millis(-365 * DAY_MILLIS);
    let known = failures.into_iter().flatten();
    let failed = known.filter(|at| **at >= since && **at < told).count();
    let class = match failed {
        0 if papers < 0.25 => CreditRiskClass::A,
        0 if papers < 0.97 => CreditRiskClass::B,
        0 => CreditRiskClass::C,
        1 if papers < 0.5 => CreditRiskClass::B,
        1 | 2 => CreditRiskClass::C,
        _ => CreditRiskClass::D,
    };
    let (year, number) = month.year_month();
    let id = format_compact!("XY-{year}{number:02}-{}", seller.enterprise);
    let source = "企业信用风险分类管理系统";
    Ok(Signal {
        credit_class: Some(class),
        ..blank(
            SignalKind::CreditClass,
            id,
            told,
            &seller.enterprise,
            source,
        )?
    })
}

/// Records of the three duties from some week on; of whoever lapsed, up to some week. Those of days are told by the
/// week, and in the last week by the day.
fn on_record(
    heard: &mut Vec<Signal>,
    seller: &Seller,
    (first_day, last_day): (Day, Day),
    random: &mut ChaCha12Rng,
) -> Result<(), CityError> {
    let this_week = last_day.week_start();
    let begins = this_week.plus(-7 * random.random_range(1..=WEEKS));
    let begins = begins
        .max(first_day)
        .max(CivilOffset::CHINA.day_of(seller.opened));
    let mut ends = last_day;
    if random.random_bool(LAPSED) {
        ends = this_week.plus(-7 * random.random_range(0..8) - 1);
    }
    if let Some(closed) = seller.closed {
        ends = ends.min(CivilOffset::CHINA.day_of(closed).plus(-1));
    }
    let days = (begins.get()..=ends.get()).map(Day::new);
    let risks: Vec<Day> = days
        .clone()
        .filter(|_| random.random_bool(RISK_FOUND))
        .collect();
    let mut record = |duty, sign, from: Day, until: Day| -> Result<(), CityError> {
        let told = at(until, random.random_range(15 * 60..18 * 60));
        let id = format_compact!("ZR-{sign}{from}-{}", seller.enterprise);
        let within = risks.iter().filter(|day| from <= **day && **day <= until);
        let record = DutyRecord {
            duty,
            from,
            until,
            risks: within.copied().collect(),
        };
        heard.push(Signal {
            duty: Some(record),
            ..blank(
                SignalKind::DutyRecord,
                id,
                told,
                &seller.enterprise,
                "企业报送",
            )?
        });
        Ok(())
    };
    for day in days {
        let month_ends = day.plus(1).year_month() != day.year_month();
        if day >= this_week {
            record(Duty::Daily, 'R', day, day)?;
        } else if day == day.week_start().plus(6) {
            let monday = day.week_start().max(begins);
            record(Duty::Daily, 'R', monday, day)?;
            record(Duty::Weekly, 'Z', monday, day)?;
        }
        if month_ends {
            let (year, month) = day.year_month();
            let first = Day::from_ymd(year, month, 1).unwrap_or(day);
            record(Duty::Monthly, 'Y', first.max(begins), day)?;
        }
    }
    Ok(())
}
