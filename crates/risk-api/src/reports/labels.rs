//! Names of codes in reports, in both languages: those that the console shows.

use crate::document::Lang;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Names in Chinese and English, by scale and code.
type Names = BTreeMap<String, BTreeMap<String, [String; 2]>>;

static NAMES: LazyLock<Names> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../console/src/codes.json")).unwrap_or_default()
});

fn named(scale: &str, code: &str, lang: Lang) -> String {
    let found = NAMES.get(scale).and_then(|names| names.get(code));
    found.map_or_else(
        || code.replace('_', " "),
        |[zh, en]| lang.of(zh.clone(), en.clone()),
    )
}

/// A risk level.
pub(super) fn risk_level(code: &str, lang: Lang) -> String {
    named("level", code, lang)
}

/// An alert level with its colour.
pub(super) fn alert_level(code: &str, lang: Lang) -> String {
    named("alertLevel", code, lang)
}

/// A sampling mode.
pub(super) fn mode(code: &str, lang: Lang) -> String {
    named("mode", code, lang)
}

/// A rule of alerts.
pub(super) fn rule(code: &str, lang: Lang) -> String {
    named("rule", code, lang)
}

/// Where a problem stands.
pub(super) fn problem(code: &str, lang: Lang) -> String {
    named("problemState", code, lang)
}

/// Why an enterprise is assisted.
pub(super) fn reason(code: &str, lang: Lang) -> String {
    named("assist", code, lang)
}

/// How a sampling came out.
pub(super) fn outcome(code: &str, lang: Lang) -> String {
    named("outcome", code, lang)
}

/// A term of a case.
pub(super) fn term(code: &str, lang: Lang) -> String {
    named("term", code, lang)
}

#[cfg(test)]
mod tests {
    use super::*;
    use risk_domain::scales::RiskLevel;
    use risk_engine::case::Term;

    /// That every code has names is tested where the console's are (`tests/it/words.rs`).
    #[test]
    fn names_are_those_of_the_console() {
        for level in RiskLevel::ALL {
            assert!(!risk_level(level.code(), Lang::Zh).is_ascii(), "{level}");
        }
        let term_ = Term::ALL[0].code();
        assert!(!term(term_, Lang::Zh).is_ascii() && term(term_, Lang::En).is_ascii());
        for name in [
            alert_level("two", Lang::Zh),
            mode("fast_test", Lang::Zh),
            rule("recall", Lang::Zh),
        ] {
            assert!(!name.is_ascii(), "{name}");
        }
        for name in [
            problem("planned", Lang::Zh),
            reason("media_exposure", Lang::Zh),
            outcome("refused", Lang::Zh),
        ] {
            assert!(!name.is_ascii(), "{name}");
        }
        assert_eq!(mode("of_a_later_version", Lang::Zh), "of a later version");
    }
}
