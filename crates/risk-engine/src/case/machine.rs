//! What the machines of all kinds of case have in common: outcomes of an act, and ends.

use super::CaseKind;
use super::act::Act;
use super::term::Term;
use risk_domain::named_scale;

/// What an act makes of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition<S> {
    /// It stands there from now on.
    To(S),
    /// It stays; the act is noted.
    Stay,
    /// It ends, and a case of this kind goes on with it.
    PassOn(CaseKind),
    /// It ends.
    End(Ending),
}

impl<S> Transition<S> {
    /// The same, of a state within another.
    pub(super) fn of<T>(self, wrap: impl Fn(S) -> T) -> Transition<T> {
        match self {
            Self::To(state) => Transition::To(wrap(state)),
            Self::Stay => Transition::Stay,
            Self::PassOn(kind) => Transition::PassOn(kind),
            Self::End(ending) => Transition::End(ending),
        }
    }
}

/// The act is no step from where the case stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSuchStep;

/// What is no step: a term that lapses is noted, all else is refused.
pub(super) fn no_step<S>(act: Act) -> Result<Transition<S>, NoSuchStep> {
    match act {
        Act::Lapsed(_) => Ok(Transition::Stay),
        Act::Officer(_) | Act::Found(_) => Err(NoSuchStep),
    }
}

/// A clock that a state lets run. A clock that ran before goes on; one that a state does not name ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Which term.
    pub term: Term,
    /// What its days are counted from.
    pub from: From,
    /// Whether it stands still in this state（期限中止）.
    pub suspended: bool,
}

/// What the days of a term are counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// The act that led here.
    Act,
    /// The last day of another term, which this one extends.
    EndOf(Term),
}

impl Clock {
    /// A clock that starts with the act.
    pub(super) const fn runs(term: Term) -> Self {
        Self {
            term,
            from: From::Act,
            suspended: false,
        }
    }

    /// A clock that starts where another would have ended.
    pub(super) const fn extends(term: Term, other: Term) -> Self {
        Self {
            term,
            from: From::EndOf(other),
            suspended: false,
        }
    }

    /// The clock stands still.
    pub(super) const fn suspended(self) -> Self {
        Self {
            suspended: true,
            ..self
        }
    }
}

/// Choices that the law leaves to a bureau（地方规则）.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switches {
    /// The order to correct waits until objections are over; else both run side by side.
    pub order_waits_for_objection: bool,
    /// A duplicate fast test that passes ends the case; else a laboratory decides.
    pub inconclusive_closes: bool,
    /// A failed duplicate of an item that may be fatal goes straight to enforcement.
    pub severe_goes_to_enforcement: bool,
}

named_scale! {
    /// How a case ended（结案方式）.
    #[doc(alias = "结案方式")]
    Ending {
        /// 整改复查合格.
        Corrected = "corrected",
        /// 复检合格: the re-test found no failure.
        RetestPassed = "retest_passed",
        /// 快检假阳性: a laboratory found no failure.
        FalsePositive = "false_positive",
        /// 快检复测不一致: first and duplicate fast test differ.
        Inconclusive = "inconclusive",
        /// 结果撤销: sampling or authenticity was at fault.
        Annulled = "annulled",
        /// 结果更正: what the case rests on was corrected.
        ResultCorrected = "result_corrected",
        /// 核查处置完成.
        Handled = "handled",
        /// 吊销许可证照.
        LicenceRevoked = "licence_revoked",
        /// 不予立案.
        NotFiled = "not_filed",
        /// 违法事实不成立.
        NotEstablished = "not_established",
        /// 不予处罚.
        Spared = "spared",
        /// 警告.
        Warned = "warned",
        /// 处罚公示期满.
        Penalised = "penalised",
        /// 处罚决定撤销.
        DecisionWithdrawn = "decision_withdrawn",
        /// 移出严重违法失信名单.
        Delisted = "delisted",
        /// 转入其他程序: another case goes on with it.
        PassedOn = "passed_on",
        /// 终止办理.
        Discontinued = "discontinued",
        /// 核查未发现不合格: a fast check found no failure.
        CheckedClean = "checked_clean",
    }
}
