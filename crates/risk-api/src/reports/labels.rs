//! Names of codes in reports, in both languages.

use crate::document::Lang;

/// Rows of code, Chinese name and English name.
type Names = [(&'static str, &'static str, &'static str)];

fn named(names: &Names, code: &str, lang: Lang) -> String {
    let found = names.iter().find(|(known, _, _)| *known == code);
    found.map_or_else(
        || code.replace('_', " "),
        |(_, zh, en)| lang.of(*zh, *en).to_owned(),
    )
}

/// A risk level.
pub(super) fn risk_level(code: &str, lang: Lang) -> String {
    let names: &Names = &[
        ("undetermined", "数据不足", "undetermined"),
        ("low", "低", "low"),
        ("medium", "中", "medium"),
        ("high", "高", "high"),
        ("serious", "严重", "serious"),
    ];
    named(names, code, lang)
}

/// An alert level with its colour.
pub(super) fn alert_level(code: &str, lang: Lang) -> String {
    let names: &Names = &[
        ("one", "一级（红）", "one (red)"),
        ("two", "二级（橙）", "two (orange)"),
        ("three", "三级（黄）", "three (yellow)"),
        ("four", "四级（蓝）", "four (blue)"),
    ];
    named(names, code, lang)
}

/// A sampling mode.
pub(super) fn mode(code: &str, lang: Lang) -> String {
    let names: &Names = &[
        ("risk_evaluation", "风险评价", "risk evaluation"),
        ("supervisory_check", "监督抽查", "supervisory check"),
        ("special_check", "专项抽查", "special check"),
        ("fast_test", "快检快处", "fast test"),
        ("enforcement_test", "执法抽检", "enforcement test"),
    ];
    named(names, code, lang)
}

/// A rule of alerts.
pub(super) fn rule(code: &str, lang: Lang) -> String {
    let names: &Names = &[
        ("fast_test_failed", "快检不合格", "fast test failed"),
        (
            "severe_item_failed",
            "严重伤害项目不合格",
            "severe item failed",
        ),
        ("banned_substance", "检出禁用物质", "banned substance"),
        ("level_rose", "风险等级上升", "level rose"),
        ("outbreak", "质量突发", "outbreak"),
        ("enterprise_changed", "企业质量波动", "enterprise changed"),
        ("complaint_cluster", "投诉聚集", "complaint cluster"),
        ("media_exposure", "媒体曝光", "media exposure"),
        ("recall", "召回", "recall"),
        ("accident", "安全事故", "accident"),
        (
            "external_check_failed",
            "外部抽检不合格",
            "external check failed",
        ),
        ("supply_path", "供应链聚集", "supply path"),
        ("latent_risk", "潜在风险", "latent risk"),
        ("hazard_item", "危害项目信号", "hazard item"),
        ("duty_missed", "履责记录缺失", "missing duty records"),
    ];
    named(names, code, lang)
}

/// Where a problem stands.
pub(super) fn problem(code: &str, lang: Lang) -> String {
    let names: &Names = &[
        ("found", "检验发现，待列入", "found, not listed"),
        ("listed", "待制定方案", "listed"),
        ("planned", "整改中", "being rectified"),
        ("overdue", "逾期未验收", "overdue"),
        ("verified", "已验收销号", "verified"),
        ("withdrawn", "已撤回", "withdrawn"),
    ];
    named(names, code, lang)
}

/// Why an enterprise is assisted.
pub(super) fn reason(code: &str, lang: Lang) -> String {
    let names: &Names = &[
        ("media_exposure", "媒体曝光", "media exposure"),
        ("repeated_failures", "不合格较多", "repeated failures"),
        ("complaint_cluster", "投诉举报较多", "many complaints"),
    ];
    named(names, code, lang)
}

/// How a sampling came out.
pub(super) fn outcome(code: &str, lang: Lang) -> String {
    let names: &Names = &[
        ("nonconforming", "不合格", "nonconforming"),
        ("refused", "拒检", "refused"),
    ];
    named(names, code, lang)
}

/// Terms of cases.
const TERMS: &Names = &[
    ("duplicate", "现场复测", "duplicate test"),
    ("guidance", "现场指导", "guidance"),
    (
        "laboratory_verification",
        "实验室验证",
        "laboratory verification",
    ),
    ("rectification", "整改", "rectification"),
    (
        "rectification_longest",
        "整改最长期限",
        "longest rectification",
    ),
    ("rescreen", "回头看", "re-screen"),
    ("formal_sample", "正式抽样", "formal sample"),
    ("objection", "异议", "objection"),
    ("objection_answer", "异议答复", "answer to the objection"),
    ("retest_formalities", "复检手续", "re-test formalities"),
    (
        "retest_laboratory",
        "确定复检机构",
        "choice of the re-test laboratory",
    ),
    ("correction", "改正", "correction"),
    ("recheck", "复查", "recheck"),
    (
        "second_recheck_opens",
        "再次复查起始",
        "second recheck opens",
    ),
    ("second_recheck", "再次复查", "second recheck"),
    ("notice", "告知", "notice"),
    (
        "retest_application",
        "申请复检",
        "application for a re-test",
    ),
    ("retest_acceptance", "受理复检", "acceptance of the re-test"),
    (
        "retest_laboratory_extended",
        "延长后的确定复检机构",
        "choice of the re-test laboratory, extended",
    ),
    (
        "backup_transfer",
        "备样移交",
        "transfer of the backup sample",
    ),
    ("retest_report", "复检结论", "re-test report"),
    ("sampling_review", "抽样异议处理", "review of the sampling"),
    (
        "authenticity_review",
        "真实性异议处理",
        "review of authenticity",
    ),
    ("handling", "核查处置", "handling"),
    ("destruction", "销毁", "destruction"),
    ("verification", "线索核查", "verification of the lead"),
    (
        "verification_extended",
        "延长后的线索核查",
        "verification of the lead, extended",
    ),
    ("preserved_evidence", "先行登记保存", "preserved evidence"),
    ("seizure", "查封扣押", "seizure"),
    ("seizure_extended", "延长后的查封扣押", "seizure, extended"),
    ("decision", "处罚决定", "decision"),
    ("publication", "公示", "publication"),
    (
        "public_short",
        "公示期（三个月）",
        "publication of three months",
    ),
    (
        "public_long",
        "公示期（三年）",
        "publication of three years",
    ),
    ("listing", "失信名单公布期", "listing"),
    ("early_removal", "可提前移出", "early removal"),
    ("take_down", "撤下公示", "take-down"),
    ("tell_reporter", "告知举报人", "word to the reporter"),
    ("fast_check", "快检核查", "fast check"),
];

/// A term of a case.
pub(super) fn term(code: &str, lang: Lang) -> String {
    named(TERMS, code, lang)
}

#[cfg(test)]
mod tests {
    use super::*;
    use risk_domain::scales::{AlertLevel, RiskLevel};
    use risk_domain::selection::SelectionMode;
    use risk_engine::AlertRule;
    use risk_engine::case::Term;
    use risk_engine::lists::{AssistedReason, ProblemStanding};

    type Label = fn(&str, Lang) -> String;

    #[test]
    fn every_code_has_a_chinese_name() {
        let all: [(Label, Vec<&str>); 7] = [
            (
                risk_level,
                RiskLevel::ALL.iter().map(|one| one.code()).collect(),
            ),
            (
                alert_level,
                AlertLevel::ALL.iter().map(|one| one.code()).collect(),
            ),
            (
                mode,
                SelectionMode::ALL.iter().map(|one| one.code()).collect(),
            ),
            (rule, AlertRule::ALL.iter().map(|one| one.code()).collect()),
            (
                problem,
                ProblemStanding::ALL.iter().map(|one| one.code()).collect(),
            ),
            (
                reason,
                AssistedReason::ALL.iter().map(|one| one.code()).collect(),
            ),
            (term, Term::ALL.iter().map(|one| one.code()).collect()),
        ];
        for (label, codes) in all {
            for code in codes {
                let zh = label(code, Lang::Zh);
                assert!(!zh.is_ascii(), "{code}: {zh}");
            }
        }
    }
}
