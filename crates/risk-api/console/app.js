// The page of the demo: subjects by probability, the reasons of one, alerts as they come.
const words = {
  zh: {
    kinds: { enterprise: "企业", product: "产品", site: "商位", zone: "区域", sector: "行业", cell: "企业×产品" },
    levels: { undetermined: "数据不足", low: "低", medium: "中", high: "高", serious: "严重" },
    alertLevels: { one: "一级", two: "二级", three: "三级", four: "四级" },
    asOf: "截至", points: "分", watch: "关注", inherited: "继承", other: "English", part: "zh", reason: "reason_zh",
    provisional: "此刻估计（未存档）", none: "暂无",
  },
  en: {
    kinds: { enterprise: "Enterprises", product: "Products", site: "Booths", zone: "Zones", sector: "Sectors", cell: "Enterprise × product" },
    levels: { undetermined: "undetermined", low: "low", medium: "medium", high: "high", serious: "serious" },
    alertLevels: { one: "level one", two: "level two", three: "level three", four: "level four" },
    asOf: "as of", points: "points", watch: "watch", inherited: "inherited", other: "中文", part: "en", reason: "reason_en",
    provisional: "estimate of this moment (not recorded)", none: "none yet",
  },
};

const state = { language: new URLSearchParams(location.search).get("lang") === "en" ? "en" : "zh", kind: "enterprise", next: null, subject: null, alerts: [] };
const byId = (id) => document.getElementById(id);
const percent = (value) => `${(value * 100).toFixed(1)} %`;
const say = () => words[state.language];

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

async function fetchJson(path) {
  const answer = await fetch(path, { headers: { accept: "application/json" } });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

function translate() {
  document.documentElement.lang = state.language === "zh" ? "zh-CN" : "en";
  for (const node of document.querySelectorAll("[data-zh]")) node.textContent = node.dataset[state.language];
  byId("language").textContent = say().other;
  const tabs = byId("kinds");
  tabs.replaceChildren(...Object.entries(say().kinds).map(([kind, name]) => {
    const tab = element("button", name);
    tab.type = "button";
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-selected", String(kind === state.kind));
    tab.addEventListener("click", () => { state.kind = kind; translate(); load(true); });
    return tab;
  }));
  drawAlerts();
}

async function load(anew) {
  if (anew) { state.next = null; byId("subjects").replaceChildren(); }
  const query = new URLSearchParams({ kind: state.kind, sort: "-probability", limit: "25" });
  if (state.next) query.set("cursor", state.next);
  const page = await fetchJson(`/v1/subjects?${query}`);
  state.next = page.next;
  byId("more").hidden = !page.next;
  for (const item of page.items) byId("subjects").append(row(item));
  if (page.items.length > 0) byId("as-of").textContent = `${say().asOf} ${page.items[0].as_of}`;
}

function row(item) {
  const line = element("tr");
  const name = element("td");
  const open = element("button", item.name ?? item.subject);
  open.type = "button";
  open.addEventListener("click", () => detail(item.subject));
  name.append(open);
  const flags = [item.watch && say().watch, item.inherited && say().inherited].filter(Boolean).join(" · ");
  const own = Object.values(item.evidence).reduce((sum, kind) => sum + kind.results, 0);
  line.append(
    name,
    element("td", flags ? `${say().levels[item.level]} (${flags})` : say().levels[item.level], item.level),
    element("td", percent(item.probability), "number"),
    element("td", `${percent(item.interval.lower)} – ${percent(item.interval.upper)}`, "number"),
    element("td", String(own), "number"),
  );
  return line;
}

async function detail(subject) {
  state.subject = subject;
  const data = await fetchJson(`/v1/subjects/${encodeURIComponent(subject)}`);
  const box = byId("detail");
  box.replaceChildren(element("p", data.name ?? data.subject), element("p", data.subject, "quiet"));
  const shown = data.recorded ?? data.provisional;
  if (!shown) return;
  const table = element("table");
  for (const part of shown.contributions) {
    const line = element("tr");
    const sign = part.points >= 0 ? "+" : "";
    line.append(element("td", part[say().part]), element("td", `${sign}${part.points.toFixed(1)} ${say().points}`, "number"));
    table.append(line);
  }
  box.append(table);
  if (data.provisional) box.append(element("p", `${say().provisional}: ${percent(data.provisional.probability)}`, "quiet"));
}

function drawAlerts() {
  const list = byId("alerts");
  if (state.alerts.length === 0) { list.replaceChildren(element("li", say().none, "quiet")); return; }
  list.replaceChildren(...state.alerts.map((alert) => {
    const item = element("li");
    item.append(element("span", say().alertLevels[alert.level], alert.level), ` ${alert[say().reason]} `, element("span", alert.raised_at, "quiet"));
    return item;
  }));
}

byId("language").addEventListener("click", () => {
  state.language = state.language === "zh" ? "en" : "zh";
  history.replaceState(null, "", `?lang=${state.language}`);
  translate();
  load(true);
  if (state.subject) detail(state.subject);
});
byId("more").addEventListener("click", () => load(false));

translate();
load(true);
fetchJson("/v1/alerts?limit=30").then((page) => { state.alerts = page.items; drawAlerts(); });
const stream = new EventSource("/v1/alerts/stream");
stream.addEventListener("alert", (event) => {
  state.alerts = [JSON.parse(event.data).data, ...state.alerts].slice(0, 100);
  drawAlerts();
});
