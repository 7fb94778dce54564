//! The parts of a score in words（分值理由）, for whoever is told a grade and may ask why.

use crate::assessment::{Assessment, Contribution, Decided, Part};
use crate::evidence::Stratum;
use risk_stats::special::sigmoid;

/// A part of a score in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Which part.
    pub part: Part,
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

/// Own tests, and how many failed.
#[derive(Debug, Clone, Copy)]
struct OwnTests {
    results: i32,
    failures: i32,
}

impl OwnTests {
    fn of(assessment: &Assessment) -> Self {
        let tests = Stratum::ALL.into_iter().filter(|stratum| stratum.is_test());
        let counts = tests.filter_map(|stratum| assessment.evidence.get(stratum.code()));
        counts.fold(
            Self {
                results: 0,
                failures: 0,
            },
            |sum, count| Self {
                results: sum.results + count.results,
                failures: sum.failures + count.nonconforming,
            },
        )
    }
}

impl Decided {
    /// What it says, in Chinese and in English.
    pub fn sentences(&self) -> (String, String) {
        let Self {
            command_id,
            level,
            estimated,
            until,
        } = self;
        let zh = format!(
            "依据人工决定 {command_id}，等级为“{}”（评估为“{}”），有效期至 {until}",
            level.zh(),
            estimated.zh()
        );
        let en = format!(
            "{level} by decision {command_id} of officers (estimated: {estimated}), until {until}"
        );
        (zh, en)
    }
}

impl Assessment {
    /// Why the score is what it is: a sentence for each contribution, in their order.
    pub fn reasons(&self) -> Vec<Reason> {
        let own = OwnTests::of(self);
        let parts = self.contributions.iter();
        parts
            .map(|contribution| reason(contribution, own))
            .collect()
    }
}

fn reason(contribution: &Contribution, own: OwnTests) -> Reason {
    let Contribution { part, log_odds } = *contribution;
    let (ratio, points) = (libm::exp(log_odds), contribution.points());
    if part == Part::Base {
        let rate = 100.0 * sigmoid(log_odds);
        return Reason {
            part,
            zh: format!("起点：各项影响均为平均时，随机抽取一批的不合格概率约为 {rate:.1}%。"),
            en: format!(
                "The start: a batch drawn at random fails with about {rate:.1} % where every effect is average."
            ),
        };
    }
    let (zh, en) = about(part, own);
    // What rounds to nothing is said to do nothing.
    if points.abs() < 0.15 {
        return Reason {
            part,
            zh: format!("{zh}，对不合格几率几乎没有影响。"),
            en: format!("{en}: next to no effect on the odds of a failure."),
        };
    }
    let (zh_way, en_way) = if log_odds > 0.0 {
        ("升至", "raises")
    } else {
        ("降至", "lowers")
    };
    Reason {
        part,
        zh: format!("{zh}，不合格几率{zh_way}原来的 {ratio:.2} 倍（{points:+.1} 分）。"),
        en: format!(
            "{en}: {en_way} the odds of a failure to {ratio:.2} times ({points:+.1} points)."
        ),
    }
}

/// What a part is about.
fn about(part: Part, own: OwnTests) -> (String, String) {
    let OwnTests { results, failures } = own;
    let fixed = |zh: &str, en: &str| (zh.to_owned(), en.to_owned());
    match part {
        Part::Base => fixed("起点", "The start"),
        Part::Sector => fixed(
            "与全市相比，所属行业的长期表现",
            "The sector's lasting record, against the city",
        ),
        Part::Product => fixed(
            "与同行业相比，该产品的长期表现",
            "The product's lasting record, against its sector",
        ),
        Part::Zone => fixed(
            "与全市相比，所在区域的长期表现",
            "The zone's lasting record, against the city",
        ),
        Part::ProductZone => fixed(
            "该产品在所在区域的长期表现，超出产品与区域各自所能说明的部分",
            "The product's lasting record in this zone, beyond what product and zone explain",
        ),
        Part::Enterprise => fixed(
            "与同产品、同区域的企业相比，本企业的长期表现",
            "The enterprise's lasting record, against others with the same products and places",
        ),
        Part::OwnRecord if results == 0 => {
            fixed("尚无自有检验结果", "There are no tests of its own")
        }
        Part::OwnRecord => (
            format!("自有检验 {results} 次，其中不合格 {failures} 次，与以上各项的预期相比"),
            format!(
                "Its own {results} tests, {failures} of them failing, against what the parts above expect"
            ),
        ),
        Part::RecentSector => fixed(
            "该行业近几周的变化",
            "What is new of the sector in recent weeks",
        ),
        Part::RecentProduct => fixed(
            "该产品近几周的变化",
            "What is new of the product in recent weeks",
        ),
        Part::RecentZone => fixed(
            "该区域近几周的变化",
            "What is new of the zone in recent weeks",
        ),
        Part::RecentProductZone => fixed(
            "该产品在所在区域近几周的变化",
            "What is new of the product in this zone in recent weeks",
        ),
        Part::RecentEnterprise => fixed(
            "本企业近几周的变化",
            "What is new of the enterprise in recent weeks",
        ),
        Part::RecentOwn => fixed(
            "本企业该产品近几周的自有结果",
            "Recent results of the enterprise with this product",
        ),
        Part::Season => fixed("季节", "The time of the year"),
        Part::Selected => fixed(
            "因投诉举报等线索被抽检的次数",
            "How often it was tested on tips, such as complaints",
        ),
        Part::Remedied => fixed(
            "不合格经确认后的整改",
            "Confirmed failures that were remedied since",
        ),
        Part::SinceFit => fixed(
            "参数上次拟合之后的新结果",
            "Results since the parameters were last fitted",
        ),
        Part::Mixture => fixed(
            "所含对象之间的差异",
            "Differences between the targets that it is made of",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(part: Part, log_odds: f64) -> Reason {
        let own = OwnTests {
            results: 6,
            failures: 2,
        };
        reason(&Contribution { part, log_odds }, own)
    }

    #[test]
    fn a_sentence_names_evidence_factor_and_points() {
        let doubled = said(Part::OwnRecord, std::f64::consts::LN_2);
        assert!(doubled.zh.contains("检验 6 次") && doubled.zh.contains("2.00 倍（+10.0 分）"));
        assert!(doubled.en.contains("2 of them failing") && doubled.en.contains("raises"));
        let halved = said(Part::Zone, -std::f64::consts::LN_2);
        assert!(
            halved.zh.contains("降至原来的 0.50 倍（-10.0 分）"),
            "{}",
            halved.zh
        );
        let base = said(Part::Base, -2.197_224_577_336_219);
        assert!(base.en.contains("about 10.0 %"), "{}", base.en);
        assert!(said(Part::Season, 0.001).en.contains("next to no effect"));
    }

    #[test]
    fn every_part_has_words_of_its_own() {
        let of = |part| said(part, 0.5);
        let mut zh: Vec<String> = Part::ALL.map(|part| of(part).zh).to_vec();
        let mut en: Vec<String> = Part::ALL.map(|part| of(part).en).to_vec();
        for words in [&mut zh, &mut en] {
            words.sort();
            words.dedup();
            assert_eq!(words.len(), Part::ALL.len());
        }
    }
}
