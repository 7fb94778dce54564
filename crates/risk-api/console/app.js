// The page of the demo: subjects by probability, the reasons of one, alerts as they come.
import { words } from "/console/words.js";

const ALERTS = 100;
const state = { language: new URLSearchParams(location.search).get("lang") === "en" ? "en" : "zh", kind: "enterprise", next: null, asked: 0, items: [], closed: null, detail: null, rates: null, alerts: new Map(), failed: false, live: false };
const byId = (id) => document.getElementById(id);
const say = () => words[state.language];
const percent = (value) => `${(value * 100).toFixed(1)}%`;
// The data's own clock time in the city, which has one time zone.
const clock = new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Shanghai", dateStyle: "short", timeStyle: "short" });
const time = (text) => clock.format(new Date(text));

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

async function fetchJson(path) {
  const answer = await fetch(path, { headers: { accept: "application/json" } });
  // The session has ended: the front page leads to the sign-in.
  if (answer.status === 401) location.assign("/");
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

/** Shows who is signed in, and lets them out. */
async function loadSession() {
  const session = await fetchJson("/v1/session");
  if (!session.csrf_token) return;
  byId("who").textContent = session.actor;
  byId("logout").hidden = false;
  byId("logout").addEventListener("click", async () => {
    await fetch("/auth/logout", { method: "POST", headers: { "x-csrf-token": session.csrf_token } });
    location.assign("/");
  });
}

/** Shows a failure until something succeeds again. */
async function trying(work) {
  try {
    await work();
    state.failed = false;
  } catch (error) {
    console.error(error);
    state.failed = true;
  }
  byId("failed").hidden = !state.failed;
}

function draw() {
  document.documentElement.lang = state.language === "zh" ? "zh-CN" : "en";
  document.title = say().title;
  for (const node of document.querySelectorAll("[data-zh]")) node.textContent = node.dataset[state.language];
  byId("language").textContent = say().other;
  byId("failed").textContent = say().failed;
  byId("kinds").replaceChildren(...Object.entries(say().kinds).map(([kind, name]) => {
    const tab = element("button", name);
    tab.type = "button";
    tab.setAttribute("aria-pressed", String(kind === state.kind));
    tab.addEventListener("click", () => { state.kind = kind; draw(); load(true); });
    return tab;
  }));
  drawSubjects();
  drawDetail();
  drawAlerts();
  drawRates();
}

function load(anew) {
  if (anew) { state.next = null; state.items = []; }
  const asked = state.asked += 1;
  const query = new URLSearchParams({ kind: state.kind, sort: "-probability", limit: "25" });
  if (state.next) query.set("cursor", state.next);
  return trying(async () => {
    const page = await fetchJson(`/v1/subjects?${query}`);
    // Another tab was chosen meanwhile.
    if (asked !== state.asked) return;
    state.next = page.next;
    state.items.push(...page.items);
    drawSubjects();
  });
}

function drawSubjects() {
  byId("subjects").replaceChildren(...state.items.map(row));
  byId("more").hidden = !state.next;
  byId("as-of").textContent = state.closed ? `${say().closed} ${time(state.closed)}` : say().noneYet;
}

function loadStatus() {
  return trying(async () => {
    state.closed = (await fetchJson("/v1/status")).closed_until;
    drawSubjects();
  });
}

/** The name in the page's language; the Chinese one, or a booth's own, where there is no other. */
const named = (zh, en) => (state.language === "en" ? en ?? zh : zh);

function opener(subject, name) {
  const open = element("button", name ?? subject, "link");
  open.type = "button";
  open.addEventListener("click", () => detail(subject));
  return open;
}

function flagsOf(item) {
  const flags = element("span");
  for (const flag of ["watch", "inherited"]) {
    if (!item[flag]) continue;
    const mark = element("span", say()[flag], "flag");
    mark.title = say().flags[flag];
    flags.append(" ", mark);
  }
  return flags;
}

function row(item) {
  const line = element("tr");
  if (state.detail?.subject === item.subject) line.className = "chosen";
  const name = element("td");
  name.append(opener(item.subject, named(item.name, item.name_en)));
  const level = element("td");
  level.append(element("span", say().levels[item.level], item.level), flagsOf(item));
  line.append(
    name,
    level,
    element("td", percent(item.probability), "number"),
    element("td", `${percent(item.interval.lower)} – ${percent(item.interval.upper)}`, "number"),
    element("td", String(item.own_results), "number"),
  );
  return line;
}

function detail(subject) {
  return trying(async () => {
    state.detail = await fetchJson(`/v1/subjects/${encodeURIComponent(subject)}`);
    drawSubjects();
    drawDetail();
  });
}

function table(headings, rows) {
  const made = element("table");
  const head = element("tr");
  headings.forEach((heading, at) => head.append(element("th", heading, at > 0 ? "number" : undefined)));
  const top = element("thead");
  top.append(head);
  const body = element("tbody");
  for (const cells of rows) {
    const line = element("tr");
    cells.forEach((cell, at) => line.append(element("td", cell, at > 0 ? "number" : undefined)));
    body.append(line);
  }
  made.append(top, body);
  return made;
}

function estimate(label, item) {
  const line = element("p");
  line.append(element("span", say().levels[item.level], item.level), flagsOf(item), ` ${percent(item.probability)} `,
    element("span", `(${percent(item.interval.lower)} – ${percent(item.interval.upper)}) · ${label} · ${say().asOf} `, "quiet"), element("time", time(item.as_of), "quiet"));
  return line;
}

function drawDetail() {
  const data = state.detail;
  if (!data) return;
  const box = byId("detail");
  box.replaceChildren(element("h3", named(data.name, data.name_en) ?? data.subject), element("p", data.subject, "quiet"));
  if (data.recorded) box.append(estimate(say().recorded, data.recorded));
  if (data.provisional) box.append(estimate(say().provisional, data.provisional));
  const shown = data.recorded ?? data.provisional;
  if (!shown) { box.append(element("p", say().noneYet, "quiet")); return; }
  const points = (value) => `${value >= 0 ? "+" : "−"}${Math.abs(value).toFixed(1)} ${say().points}`;
  box.append(
    table([say().part_, say().effect, say().why], shown.contributions.map((part) => [part[state.language], points(part.points), part[`reason_${state.language}`]])),
    element("p", say().explain, "quiet"),
  );
  if (data.counterfactual) box.append(element("p", data.counterfactual[state.language]));
  // In the order of the words: the modes first, what is counted beside them last.
  const evidence = Object.entries(say().evidence).filter(([kind]) => shown.evidence[kind]);
  if (evidence.length === 0) return;
  const rows = evidence.map(([kind, name]) => [name, String(shown.evidence[kind].results), String(shown.evidence[kind].nonconforming)]);
  box.append(element("h3", say().evidenceTitle), table([say().kind, say().results, say().nonconforming], rows));
}

function drawAlerts() {
  const mark = byId("live");
  mark.textContent = state.live ? say().live : say().offline;
  mark.className = state.live ? "low" : "quiet";
  const newest = [...state.alerts.values()].sort((one, other) => Date.parse(other.raised_at) - Date.parse(one.raised_at)).slice(0, ALERTS);
  state.alerts = new Map(newest.map((alert) => [alert.id, alert]));
  if (newest.length === 0) { byId("alerts").replaceChildren(element("li", say().none, "quiet")); return; }
  byId("alerts").replaceChildren(...newest.map((alert) => {
    const item = element("li");
    const about = element("p");
    about.append(element("span", say().alertLevels[alert.level], alert.level), " ", opener(alert.subject, named(alert.subject_name, alert.subject_name_en)), " ", element("time", time(alert.raised_at), "quiet"));
    item.append(about, element("p", alert[say().reason]));
    return item;
  }));
}

function loadRates() {
  return trying(async () => {
    const answer = await fetch("/v1/rates?period=quarter&limit=8", { headers: { accept: "application/json" } });
    // Before the first week has closed there is nothing to tell; a zone manager is not told.
    if (answer.status === 404 || answer.status === 403) return;
    if (!answer.ok) throw new Error(`/v1/rates: ${answer.status}`);
    state.rates = await answer.json();
    drawRates();
  });
}

function drawRates() {
  const data = state.rates;
  if (!data) { byId("rates").replaceChildren(element("p", say().noWeek, "quiet")); return; }
  const within = (rate) => (rate ? `${percent(rate.pass_rate)} (${percent(rate.lower)} – ${percent(rate.upper)})` : say().unknown);
  const raw = (item) => {
    const modes = Object.values(item.raw);
    const results = modes.reduce((sum, mode) => sum + mode.results, 0);
    const passed = modes.reduce((sum, mode) => sum + mode.results * mode.pass_rate, 0);
    return results > 0 ? percent(passed / results) : say().unknown;
  };
  byId("rates").replaceChildren(table(say().rateHeads, data.items.map((item) => [
    `${item.from}${item.complete ? "" : ` ${say().incomplete}`}`, within(item.design), within(item.random), raw(item),
  ])));
  byId("rates-note").textContent = [say().ratesExplain, ...data.notices.map((notice) => notice[state.language])].join(" ");
}

byId("language").addEventListener("click", () => {
  state.language = state.language === "zh" ? "en" : "zh";
  history.replaceState(null, "", `?lang=${state.language}`);
  draw();
});
byId("more").addEventListener("click", () => load(false));

draw();
load(true);
loadStatus();
loadRates();
trying(loadSession);
// The stream is opened before the list is read, so that no alert falls between the two; an alert
// that comes by both stands once, by its id.
const stream = new EventSource("/v1/alerts/stream");
stream.addEventListener("open", () => {
  state.live = true;
  trying(async () => {
    const page = await fetchJson("/v1/alerts?limit=30");
    for (const alert of page.items) state.alerts.set(alert.id, alert);
    drawAlerts();
  });
});
stream.addEventListener("error", () => { state.live = false; drawAlerts(); });
stream.addEventListener("alert", (event) => {
  const moved = JSON.parse(event.data).data;
  if (moved.state === "closed") state.alerts.delete(moved.alert_id);
  else state.alerts.set(moved.alert_id, { ...moved, id: moved.alert_id, raised_at: moved.at });
  drawAlerts();
});
