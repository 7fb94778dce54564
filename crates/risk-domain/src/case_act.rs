//! Acts of a case（办案行为）: what the law lets be done, step by step, and what is done to the goods.

use crate::scales::named_scale;
use compact_str::CompactString;
use serde::{Deserialize, Serialize};

named_scale! {
    /// One act of a procedure（办案行为）. Which act may come when is the machine's of its case.
    #[doc(alias = "办案行为")]
    CaseAct {
        /// 现场指导: on-site guidance, the batch withdrawn.
        Guide = "guide",
        /// 延长期限: the term that runs is extended once.
        Extend = "extend",
        /// 整改完成: the enterprise reports that it has corrected.
        Rectify = "rectify",
        /// 正式抽样: a formal sample was taken.
        Sample = "sample",
        /// 告知结果: the result was served in writing.
        Notify = "notify",
        /// 放弃异议: the party accepts the result.
        Waive = "waive",
        /// 提出异议: the party objects to the result.
        Object = "object",
        /// 对抽样过程提出异议.
        ObjectToSampling = "object_to_sampling",
        /// 对样品真实性提出异议.
        ObjectToAuthenticity = "object_to_authenticity",
        /// 申请复检: the party applies for a re-test.
        ApplyForRetest = "apply_for_retest",
        /// 受理复检: the application is accepted.
        AcceptRetest = "accept_retest",
        /// 不予复检: the application is refused, with its ground.
        RefuseRetest = "refuse_retest",
        /// 异议核查: sampling or authenticity is looked into.
        ReviewProcess = "review_process",
        /// 同意复检: the party is told to see to the formalities.
        GrantRetest = "grant_retest",
        /// 办理复检手续: the formalities are completed.
        CompleteFormalities = "complete_formalities",
        /// 确定复检机构: the laboratory of the re-test is chosen.
        ChooseLaboratory = "choose_laboratory",
        /// 移交备样: the backup sample went to that laboratory.
        TransferBackup = "transfer_backup",
        /// 备样被毁损或调换: the backup sample was hidden, moved, sold or destroyed.
        ReportTampering = "report_tampering",
        /// 维持结果: the result is upheld.
        Uphold = "uphold",
        /// 撤销结果: the result is annulled.
        Annul = "annul",
        /// 责令改正.
        Order = "order",
        /// 公告、公示.
        Publish = "publish",
        /// 责令停业整顿.
        StopBusiness = "stop_business",
        /// 吊销许可证照.
        RevokeLicence = "revoke_licence",
        /// 销毁或无害化处理.
        Destroy = "destroy",
        /// 核查处置完成.
        Handle = "handle",
        /// 立案.
        File = "file",
        /// 不予立案.
        Drop = "drop",
        /// 先行登记保存.
        Preserve = "preserve",
        /// 查封扣押.
        Seize = "seize",
        /// 解除强制措施.
        Release = "release",
        /// 送检: goods of the case went to a laboratory.
        SendForTest = "send_for_test",
        /// 处罚告知: the party was told facts, grounds and its rights.
        Inform = "inform",
        /// 警告.
        Warn = "warn",
        /// 较轻处罚: criticism or a low fine.
        PenaliseLightly = "penalise_lightly",
        /// 行政处罚.
        Penalise = "penalise",
        /// 较重处罚.
        PenaliseHeavily = "penalise_heavily",
        /// 不予处罚: minor, corrected, without harm; or a first time.
        Spare = "spare",
        /// 违法事实不成立.
        Dismiss = "dismiss",
        /// 列入严重违法失信名单.
        ListAsSerious = "list_as_serious",
        /// 提前移出名单.
        RemoveEarly = "remove_early",
        /// 处罚决定变更或撤销.
        WithdrawDecision = "withdraw_decision",
        /// 撤下公示.
        TakeDown = "take_down",
        /// 移送执法.
        Refer = "refer",
        /// 结案.
        Conclude = "conclude",
        /// 终止办理: the case ends outside its course.
        Discontinue = "discontinue",
        /// 告知举报人: whoever reported was told what was decided.
        TellReporter = "tell_reporter",
    }
}

named_scale! {
    /// What is done to goods（处置措施）: a closed list, so that quantities add up.
    #[doc(alias = "处置措施")]
    MeasureKind {
        /// 下架.
        Withdraw = "withdraw",
        /// 封存.
        Seal = "seal",
        /// 召回.
        Recall = "recall",
        /// 责令改正.
        OrderCorrection = "order_correction",
        /// 删除线上商品链接.
        RemoveListing = "remove_listing",
        /// 销毁.
        Destruction = "destruction",
        /// 无害化处理.
        HarmlessTreatment = "harmless_treatment",
        /// 警示消费者.
        WarnConsumers = "warn_consumers",
        /// 停止生产销售.
        StopSale = "stop_sale",
    }
}

/// A measure and how much it took hold of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// Which measure.
    pub kind: MeasureKind,
    /// How many units; none where it does not count in units.
    pub quantity: Option<u32>,
    /// The unit, as the record says it.
    pub unit: Option<CompactString>,
}
