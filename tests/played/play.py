"""Plays years of a synthetic city against a running Spotcheck, as a client that knows docs/openapi.json alone.

    play.py --city FOLDER --address http://127.0.0.1:8480 --seed 20
    play.py --city FOLDER --spotcheck target/release/spotcheck --seeds 20..22 --policy spotcheck,random

FOLDER holds `city.py`, an independent model of a city in which tests find failures and failures are mended. The status
quo plays the first weeks; what it found is posted week by week. Then, every Monday, the policy says what is tested:
`spotcheck` asks the server for a plan and tests its lines, `random` draws by itself, `points` ranks by a bureau's
points list (`baselines.py` in the same folder). Tips are followed up whatever the policy is. Found are failures that a
laboratory proved, those of tips apart. One JSON object a city goes to standard output.

With --spotcheck a server of its own, with an empty data directory, is started for each city and ended with it.
"""
import argparse
import datetime
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import numpy as np

MODES = ["risk_evaluation", "supervisory_check", "special_check", "fast_test", "enforcement_test"]
RA, SS, SP, QT, EN = range(5)
FIRST_MONDAY = datetime.date(2020, 1, 6)
REST_WEEKS, WINDOW_WEEKS, VISITS, PER_ENTERPRISE = 6, 13, 3, 2


class Server:
    """The HTTP API at an address."""

    def __init__(self, address):
        self.address = address

    def ask(self, path, body=None, kind="application/json"):
        request = urllib.request.Request(self.address + path)
        if body is not None:
            request.data = body.encode()
            request.add_header("content-type", kind)
        try:
            with urllib.request.urlopen(request, timeout=600) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{path}: {error.code} {error.read().decode()}") from error

    def post_records(self, path, records):
        """Posts records as lines of JSON; every one must be accepted."""
        for at in range(0, len(records), 5000):
            lines = "\n".join(json.dumps(record) for record in records[at:at + 5000])
            answer = self.ask(path, lines, "application/x-ndjson")
            if answer.get("accepted") != len(records[at:at + 5000]):
                raise SystemExit(f"{path}: not all accepted: {json.dumps(answer, ensure_ascii=False)[:2000]}")


class Names:
    """Which zone, product and enterprise of the server's reference stands for which of the city."""

    def __init__(self, city, reference):
        self.city = city
        inner = [zone for zone in reference["zones"] if zone["kind"] == "town"] + reference["zones"]
        self.zones = [zone["id"] for zone in inner[:city.c["Z"]]]
        by_sector = {}
        for product in reference["products"]:
            by_sector.setdefault(product["sector"], []).append(product["code"])
        # Large sectors of the city take the places of large sectors; what does not fit goes where there is room.
        rows = sorted(by_sector.values(), key=len, reverse=True)
        own = [list(np.flatnonzero(city.prod_sector == sector)) for sector in range(city.c["S"])]
        own.sort(key=len, reverse=True)
        self.products, spilt = {}, []
        for products, codes in zip(own, rows):
            for product in products:
                if codes:
                    self.products[product] = codes.pop(0)
                else:
                    spilt.append(product)
        left = [code for codes in rows for code in codes]
        for product, code in zip(spilt, left, strict=False):
            self.products[product] = code
        self.spilt = len(spilt)
        pairs = zip(city.ent, city.prod)
        self.cells = {(f"E-{e:04}", self.products[p]): cell for cell, (e, p) in enumerate(pairs)}

    def site(self, enterprise):
        return {"site_id": f"S-{enterprise:04}", "enterprise_id": f"E-{enterprise:04}", "name": f"商户{enterprise:04}",
                "zone_id": self.zones[self.city.ent_zone[enterprise]], "channel": "market"}


def instant(week, day, hour):
    return f"{FIRST_MONDAY + datetime.timedelta(days=7 * int(week) + day)}T{hour:02}:00:00+08:00"


class Game:
    """One city and what its inspectors know of it."""

    def __init__(self, city, server, policy, options):
        self.city, self.server, self.policy, self.options = city, server, policy, options
        self.random = np.random.default_rng(options.seed + 5)
        self.names = Names(city, server.ask("/v1/reference")) if server else None
        self.last_visit = np.full(city.C, -999)
        self.visits = np.zeros((city.c["E"], city.c["T"] + 1), int)
        self.found = np.zeros(5, int)
        self.tests = np.zeros(5, int)
        self.expected, self.seconds, self.opened = 0.0, [], np.zeros(city.C, bool)
        # Of each result that follows, what it reports as its selection.
        self.selections = {}

    def run(self):
        for week in range(self.options.weeks):
            if self.server:
                self.register(week)
            began = len(self.city.ev)
            if week < self.options.burn_in:
                self.city.status_quo_week(week)
            else:
                self.policy(self, week)
                self.follow_tips(week)
                self.city.step_decay()
            rows = np.concatenate([rows for rows in self.city.ev[began:] if rows is not None])
            self.last_visit[rows["cell"]] = week
            np.add.at(self.visits, (self.city.ent[rows["cell"]], week), 1)
            if week >= self.options.burn_in:
                proved = np.where(rows["mode"] == QT, rows["lab"] == 1, rows["y"] == 1)
                np.add.at(self.found, rows["mode"][proved], 1)
                np.add.at(self.tests, rows["mode"], 1)
            if self.server:
                self.report(week, rows)
        return self

    def inspect(self, week, cells, mode, probabilities=None):
        if len(cells):
            self.city.inspect(week, np.asarray(cells, int), mode, probabilities)

    def follow_tips(self, week):
        city, trading = self.city, np.flatnonzero(self.city.active(week))
        heard = city.eta(week)[trading] - city.static.mean() + city.rng.normal(0, 1, len(trading))
        weights = np.exp(city.c["tips"] * heard)
        tests = city.c["budget"][EN]
        self.inspect(week, trading[city.rng.choice(len(trading), tests, replace=False, p=weights / weights.sum())], EN)

    def register(self, week):
        """Tells the register of sites that opened and closed."""
        city, trading = self.city, self.city.active(week)
        changed = np.unique(city.ent[trading != self.opened])
        if week == 0:
            changed = np.unique(city.ent[trading])
        records = []
        for enterprise in changed:
            cells = np.flatnonzero(city.ent == enterprise)
            site = {**self.names.site(enterprise), "class": "small", "open": bool(trading[cells].any())}
            products = [{"category": self.names.products[city.prod[cell]]} for cell in cells if trading[cell]]
            records.append({"update_id": f"U-{week}-{enterprise}", "observed_at": instant(week, -1, 9),
                            "site": site, "products": products})
        self.opened = trading
        if records:
            self.server.post_records("/v1/registry", records)

    def report(self, week, rows):
        """Posts the results of a week: sampled on Wednesday, known on Friday."""
        records = []
        for at, row in enumerate(rows):
            mode, cell = int(row["mode"]), int(row["cell"])
            if (mode, cell) in self.selections:
                selection = self.selections[mode, cell]
            elif mode == RA:
                selection = {"basis": "random", "inclusion_probability": float(row["pi"])}
            else:
                selection = {"basis": "complaint" if mode == EN else "targeted"}
            record = {
                "inspection_id": f"R-{week}-{at}", "sampled_at": instant(week, 2, 9), "observed_at": instant(week, 4, 17),
                "mode": MODES[mode], "agency": {"id": "county", "level": "county"}, "team_id": "team-1",
                "selection": selection, "site": self.names.site(self.city.ent[cell]),
                "product": {"category": self.names.products[self.city.prod[cell]], "name": "样品"},
                "test": {"kind": "rapid" if mode == QT else "laboratory"},
                **self.verdict(bool(row["y"]), int(row["sev"])),
            }
            records.append(record)
            if row["lab"] >= 0:
                records.append({**record, "inspection_id": f"R-{week}-{at}-L", "confirms": record["inspection_id"],
                                "test": {"kind": "laboratory"},
                                **self.verdict(row["lab"] == 1, int(row["sev"]))})
        self.server.post_records("/v1/results", records)
        self.selections = {}

    @staticmethod
    def verdict(failed, severity):
        word = "nonconforming" if failed else "conforming"
        item = {"code": "item-1", "name": "检验项目", "verdict": word}
        if failed:
            item["severity"] = max(severity, 1)
        return {"outcome": word, "items": [item]}


def spotcheck(game, week):
    """Asks for Monday's plan and tests its lines."""
    budget = game.city.c["budget"]
    request = {"as_of": str(FIRST_MONDAY + datetime.timedelta(days=7 * week)),
               "budgets": {MODES[mode]: int(budget[mode]) for mode in (RA, SS, SP, QT)},
               "rules": {"harm_weighted": False, "alert_share": 0.0, **game.options.rules}}
    began = time.monotonic()
    plan = game.server.ask("/v1/plans", json.dumps(request))
    game.seconds.append(time.monotonic() - began)
    game.expected += plan["expected_finds"]["value"]
    for mode in (RA, SS, SP, QT):
        lines = [line for line in plan["lines"] if line["mode"] == MODES[mode]]
        cells = [game.names.cells[line["target"]["enterprise_id"], line["target"]["product"]] for line in lines]
        for cell, line in zip(cells, lines):
            selection = line["selection"]
            game.selections[mode, cell] = {name: of for name, of in selection.items() if of is not None}
        drawn = mode in (RA, SS)
        if drawn and any(line["selection"]["inclusion_probability"] is None for line in lines):
            raise SystemExit(f"week {week}: a drawn line without its probability")
        probabilities = [line["selection"]["inclusion_probability"] for line in lines] if drawn else None
        game.inspect(week, cells, mode, probabilities)


def random(game, week):
    """Every test at random."""
    trading, budget = np.flatnonzero(game.city.active(week)), game.city.c["budget"]
    drawn, at = game.random.choice(trading, sum(budget[:4]), replace=False), 0
    for mode in (RA, SS, SP, QT):
        chance = budget[mode] / len(trading) if mode == RA else None
        game.inspect(week, drawn[at:at + budget[mode]], mode, chance)
        at += budget[mode]


def points(game, week):
    """Evaluations at random, all else from the top of a bureau's points list under the rules of rest."""
    city, budget = game.city, game.city.c["budget"]
    trading = np.flatnonzero(city.active(week))
    game.inspect(week, game.random.choice(trading, budget[RA], replace=False), RA, budget[RA] / len(trading))
    score = importlib.import_module("baselines").points_score(city, city.events(), week - 1)
    used = set()
    for mode in (SP, SS, QT):
        rested = city.active(week) & (week - game.last_visit > REST_WEEKS)
        rested &= game.visits[:, max(0, week - WINDOW_WEEKS):week].sum(1)[city.ent] < VISITS
        at = np.flatnonzero(rested)
        order = at[np.argsort(-(score[at] + 1e-9 * game.random.random(len(at))))]
        taken, by_enterprise = [], {}
        for cell in order:
            enterprise = city.ent[cell]
            if len(taken) < budget[mode] and cell not in used and by_enterprise.get(enterprise, 0) < PER_ENTERPRISE:
                taken.append(cell)
                used.add(cell)
                by_enterprise[enterprise] = by_enterprise.get(enterprise, 0) + 1
        game.inspect(week, taken, mode)


POLICIES = {"spotcheck": spotcheck, "random": random, "points": points}


def serve(binary, home):
    """Starts a server with an empty data directory; returns the process and its address."""
    config = os.path.join(home, "spotcheck.toml")
    with open(config, "w", encoding="utf-8") as file:
        file.write(f"data_dir = '{home}/data'\n[identity]\ndemo = true\n"
                   '[http]\nlisten = "127.0.0.1:0"\nrequests_per_minute = 100000\n[log]\nfilter = "warn"\n')
    process = subprocess.Popen([binary, "serve", "--config", config], stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if "ready http://" in line:
            return process, line.split("ready ", 1)[1].strip()
    raise SystemExit(f"{binary} ended before it was ready")


def play(modules, name, seed, options, address):
    options.seed = seed
    city = modules.City(seed, **options.settings)
    server = Server(address) if address else None
    began = time.monotonic()
    game = Game(city, server, POLICIES[name], options).run()
    told = {"policy": name, "seed": seed, "found": int(game.found[:4].sum()), "by_mode": game.found[:4].tolist(),
            "tests": game.tests[:4].tolist(), "weeks": options.weeks - options.burn_in,
            "seconds": round(time.monotonic() - began, 1)}
    if game.seconds:
        told["expected"] = round(game.expected, 1)
        told["plan_seconds"] = round(float(np.mean(game.seconds)), 3)
        told["elsewhere"] = game.names.spilt
    print(json.dumps(told), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--city", required=True, help="folder with city.py")
    parser.add_argument("--seed", type=int, default=20, help="the city, for a server at --address")
    parser.add_argument("--seeds", help="A..B, B not included, each with a server of its own (--spotcheck)")
    parser.add_argument("--address", help="a running server with an empty data directory")
    parser.add_argument("--spotcheck", help="the binary, to start servers with")
    parser.add_argument("--policy", default="spotcheck", help="spotcheck, random, points; commas between")
    parser.add_argument("--weeks", type=int, default=156, help="weeks in all")
    parser.add_argument("--burn-in", type=int, default=52, help="weeks of the status quo before the policy plays")
    parser.add_argument("--settings", type=json.loads, default={}, help="settings of the city that differ, as JSON")
    parser.add_argument("--rules", type=json.loads, default={}, help="rules of the plans that differ, as JSON")
    options = parser.parse_args()
    sys.path.insert(0, options.city)
    modules = importlib.import_module("city")
    first, _, end = (options.seeds or f"{options.seed}..{options.seed + 1}").partition("..")
    options.settings = {**options.settings, "T": options.weeks}
    for seed in range(int(first), int(end)):
        for name in options.policy.split(","):
            if name != "spotcheck" or options.address:
                play(modules, name, seed, options, options.address if name == "spotcheck" else None)
                continue
            with tempfile.TemporaryDirectory(prefix="spotcheck-played-") as home:
                process, address = serve(options.spotcheck, home)
                try:
                    play(modules, name, seed, options, address)
                finally:
                    process.terminate()
                    process.wait()


if __name__ == "__main__":
    main()
