// What the page says, in both languages.
export const words = {
  zh: {
    title: "Spotcheck 产品质量抽查",
    kinds: { enterprise: "企业", product: "产品", site: "商位", zone: "区域", sector: "行业", cell: "企业×产品" },
    levels: { undetermined: "数据不足", low: "低", medium: "中", high: "高", serious: "严重" },
    alertLevels: { one: "一级", two: "二级", three: "三级", four: "四级" },
    evidence: {
      risk_evaluation: "风险评价", supervisory_check: "监督抽查", special_check: "专项抽查", fast_screen: "快检（未复核）",
      fast_verified: "快检（经实验室复核）", enforcement_test: "执法抽检", follow_up: "跟踪检验", refusal: "拒检",
      severity_1: "不合格（伤害微弱）", severity_2: "不合格（伤害一般）", severity_3: "不合格（伤害严重）", severity_4: "不合格（伤害非常严重）",
    },
    asOf: "截至", closed: "已结算至", points: "分", watch: "关注", inherited: "继承", other: "English", part: "zh", reason: "reason_zh",
    provisional: "此刻估计（不存档）", recorded: "已存档", none: "暂无", noneYet: "尚无评级", evidenceTitle: "自身证据",
    kind: "类别", results: "检验", nonconforming: "不合格", failed: "读取失败，请稍后再试", part_: "来源", effect: "影响", why: "理由",
    live: "实时", offline: "连接中断，正在重连…", explain: "每 10 分使不合格的可能性（比值）翻一倍。",
    rateHeads: ["季度起", "校正后", "仅随机抽样", "各模式原始合计"], unknown: "—", incomplete: "（未完）", noWeek: "尚无已结算的周",
    ratesExplain: "“校正后”可对外公布，不受定向抽样影响；原始合计取决于抽了谁。",
    flags: { watch: "接近上一等级", inherited: "自身数据很少，等级主要来自同类" },
  },
  en: {
    title: "Spotcheck: risk engine for sampling inspection",
    kinds: { enterprise: "Enterprises", product: "Products", site: "Booths", zone: "Zones", sector: "Sectors", cell: "Enterprise × product" },
    levels: { undetermined: "not enough data", low: "low", medium: "medium", high: "high", serious: "serious" },
    alertLevels: { one: "Level 1", two: "Level 2", three: "Level 3", four: "Level 4" },
    evidence: {
      risk_evaluation: "Risk evaluation", supervisory_check: "Supervisory check", special_check: "Special check", fast_screen: "Fast test, unconfirmed",
      fast_verified: "Fast test, confirmed", enforcement_test: "Enforcement test", follow_up: "Follow-up", refusal: "Refusal",
      severity_1: "Failures, severity 1", severity_2: "Failures, severity 2", severity_3: "Failures, severity 3", severity_4: "Failures, severity 4",
    },
    asOf: "as of", closed: "closed up to", points: "points", watch: "watch", inherited: "inherited", other: "中文", part: "en", reason: "reason_en",
    provisional: "estimate of this moment (not recorded)", recorded: "recorded", none: "none yet", noneYet: "not graded yet", evidenceTitle: "Own evidence",
    kind: "Kind", results: "Results", nonconforming: "Failed", failed: "Could not be read; try again later", part_: "Source", effect: "Effect", why: "Why",
    live: "live", offline: "connection lost, trying again…", explain: "Every 10 points double the odds of a failure.",
    rateHeads: ["Quarter from", "Corrected", "Random only", "Raw, all modes"], unknown: "–", incomplete: "(open)", noWeek: "no week has closed yet",
    ratesExplain: "The corrected figure is the one to publish: targeted sampling does not distort it. The raw one depends on whom we chose.",
    flags: { watch: "close to the next level", inherited: "little data of its own: the level comes mostly from its kind" },
  },
};
