#!/usr/bin/env python3
"""Checks an evidence pack or a signed checkpoint, knowing nothing of the program that made it.

    verify.py pack.json --key KEY        every entry leads to the signed root; the grade is what the bytes say;
                                         draws whose record and pool lie beside it are drawn again
    verify.py checkpoint.txt --key KEY   the signature alone

KEY is the public key of the ledger: `spotcheck ledger key` prints it. Get it from the bureau by another way
than the pack. Needs Python 3.9 or later and the package `cryptography`. Exits 0 if all holds, otherwise 1
and says what does not.
"""

import argparse
import base64
import binascii
import hashlib
import hmac
import json
import math
import pathlib
import statistics
import struct
import sys

SECTIONS = ("facts", "party", "personal", "decision")
# Packs of the first form have no comparables and no counterfactual, those of the second neither signals nor what
# raised an alert; those of the third, where redacted, withhold parties alone.
FORMATS = ("spotcheck-evidence/1", "spotcheck-evidence/2", "spotcheck-evidence/3", "spotcheck-evidence/4")
ROLES = ("conclusion", "raise", "result", "decision", "draw", "comparable", "signal", "erasure")
EFFECT, RESULT, COMMAND, SIGNAL, ERASURE = 7, 1, 9, 10, 21
ASSESSED, ALERT_RAISED, CASE_MOVED, ALERT_MOVED, SIGNAL_RAISED, RESULTS_RAISED = 1, 2, 6, 9, 10, 14
CASE_INSERTED = 15
# The rule of an alert that records are missing, and not that results were found.
DUTY_MISSED = 14
LEVELS = ("undetermined", "low", "medium", "high", "serious")
PARTS = (
    "base", "sector", "product", "zone", "product_zone", "enterprise", "own_record", "recent_sector",
    "recent_product", "recent_zone", "recent_product_zone", "recent_enterprise", "recent_own", "season",
    "selected", "remedied", "since_fit", "mixture",
)
# Ten points double the odds.
POINTS = 10.0 / math.log(2.0)


class Refused(Exception):
    """Why something is not believed."""


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def need(holds, why):
    if not holds:
        raise Refused(why)


def unhex(text, length, what):
    try:
        value = bytes.fromhex(text)
    except (TypeError, ValueError) as error:
        raise Refused(f"{what} is not hexadecimal") from error
    need(len(value) == length and value.hex() == text, f"{what} is not {length} bytes in lower case")
    return value


def unbase64(text, what):
    try:
        value = base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise Refused(f"{what} is not base64") from error
    need(base64.b64encode(value).decode() == text, f"{what} has another spelling than its bytes")
    return value


# Signed checkpoints: C2SP signed-note and tlog-checkpoint.

def read_key(key):
    parts = key.strip().split("+", 2)
    need(len(parts) == 3, "the key is not NAME+ID+BASE64")
    name, identity, encoded = parts
    data = unbase64(encoded, "the key")
    need(len(data) == 33 and data[0] == 1, "the key is no Ed25519 key")
    named = sha(name.encode(), b"\n", data)[:4]
    need(named.hex() == identity, "the key's id is not that of its name and bytes")
    return name, named, data[1:]


def open_checkpoint(note, key):
    """The size and root of a signed checkpoint."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    name, identity, public = read_key(key)
    body, gap, signatures = note.partition("\n\n")
    need(gap, "the checkpoint has no signature")
    body += "\n"
    lines = body.split("\n")
    need(len(lines) >= 4 and lines[0] == name, "the checkpoint is of another ledger than the key")
    for line in signatures.splitlines():
        words = line.split(" ")
        if len(words) != 3 or words[0] != "\u2014" or words[1] != name:
            continue
        data = unbase64(words[2], "the signature")
        if data[:4] != identity:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(data[4:], body.encode())
        except InvalidSignature as error:
            raise Refused("the signature does not fit the checkpoint") from error
        need(lines[1].isdigit() and str(int(lines[1])) == lines[1], "the size is no number")
        root = unbase64(lines[2], "the root")
        need(len(root) == 32, "the root is not 32 bytes")
        return int(lines[1]), root
    raise Refused("nobody with this key signed the checkpoint")


# Entries and the Merkle tree: docs/ledger-format.md, RFC 6962.

def commitment(number, section, what):
    need(isinstance(section, dict), f"{what} is no section")
    if set(section) == {"commitment"}:
        return unhex(section["commitment"], 32, f"the commitment of {what}"), None
    need(set(section) == {"salt", "bytes"}, f"{what} is neither shown nor withheld")
    salt = unhex(section["salt"], 16, f"the salt of {what}")
    data = unbase64(section["bytes"], what)
    need(data, f"{what} is shown and empty")
    return sha(salt, bytes([number]), data), data


def leaf_of(entry):
    """The leaf hash, and the sections that are shown."""
    shown, hashes = {}, []
    need(set(entry["sections"]) == set(SECTIONS), "an entry has other sections than four")
    for number, name in enumerate(SECTIONS, 1):
        value, data = commitment(number, entry["sections"][name], f"{name} of entry {entry['index']}")
        hashes.append(value)
        if data is not None:
            shown[name] = data
    actor = entry["actor"].encode()
    need(len(actor) < 256, "an actor is too long")
    head = struct.pack(">BBBHQB", 0, 1, entry["kind"], entry["shard"], entry["index"], len(actor))
    return sha(head, actor, *hashes), shown


def root_of(leaf, index, size, proof):
    """RFC 9162, section 2.1.3.2; the same tree as RFC 6962."""
    need(0 <= index < size, "an entry lies beyond the tree")
    fn, sn, value = index, size - 1, leaf
    for step in proof:
        need(sn != 0, "a proof is too long")
        if fn & 1 or fn == sn:
            value = sha(b"\x01", step, value)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            value = sha(b"\x01", value, step)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0, "a proof is too short")
    return value


# What the bytes say: docs/ledger-records.md. Postcard: fields one after the other.

class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        need(self.at + count <= len(self.data), "the bytes end too soon")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            need(shift < 70, "a number does not end")

    def signed(self):
        value = self.number()
        return (value >> 1) ^ -(value & 1)

    def text(self):
        return self.take(self.number()).decode()

    def float(self):
        return struct.unpack("<d", self.take(8))[0]

    def maybe(self, read):
        return read() if self.take(1)[0] else None

    def texts(self):
        return [self.text() for _ in range(self.number())]

    def end(self):
        need(self.at == len(self.data), "bytes are left over")


def read_assessment(data):
    reader = Reader(data)
    need(reader.number() == ASSESSED, "the conclusion is no assessment")
    said = {"subject": reader.text(), "zones": reader.texts(), "sectors": reader.texts()}
    reader.signed()  # the epoch
    said["level"] = LEVELS[reader.number()]
    decided = reader.maybe(lambda: (reader.text(), reader.number(), reader.number(), reader.signed()))
    said["decision"], said["estimated"] = decided and decided[0], LEVELS[decided[2]] if decided else said["level"]
    said["watch"], said["inherited"] = bool(reader.number()), bool(reader.number())
    reader.signed()  # the band
    said["probability"] = reader.float()
    said["interval"] = {"lower": reader.float(), "upper": reader.float()}
    said["log_odds"] = reader.float()
    said["variance"] = reader.float()
    said["at_least"] = {level: reader.float() for level in LEVELS[2:]}
    said["severity_mix"] = [reader.float() for _ in range(4)]
    said["parts"] = [(PARTS[reader.number()], reader.float()) for _ in range(reader.number())]
    said["evidence"] = {
        reader.text(): {"results": reader.signed(), "nonconforming": reader.signed()}
        for _ in range(reader.number())
    }
    for name in ("policy_version", "policy_hash", "model_version"):
        said[name] = reader.text()
    reader.maybe(reader.signed)  # the snapshot's epoch
    reader.end()
    return said


# The fields of a result in their order: how each is read, by the letter before its name. `?` may be absent.
FACTS = (
    "text inspection_id;text supersedes?;time sampled_at;time tested_at?;time observed_at;mode mode;"
    "text agency_id;agency agency_level;text team_id;basis basis;text draw_id?;float inclusion_probability?;"
    "text campaign_id?;text site_id;text enterprise_id;text zone_id;channel channel;text producer_id?;"
    "text supplier_id?;text category;text standard?;text lot_no?;number lot_size?;text gtin?;number tested;"
    "number backup;number defective;number cost_fen?;kind test;text method_id?;text lab_id?;outcome outcome;"
    "items items;text confirms?;text follow_up_of?;text case_id?;extra extra"
)
ITEM = (
    "text code;text name;text clause?;text method?;text measured?;text limit?;text unit?;verdict verdict;"
    "text hazard?;byte severity?"
)
PARTY = (
    "text site_name;text booth?;text platform?;text producer_name?;text producer_region?;text product_name;"
    "text brand?;text model?"
)
# Since version 2 these stand with the party, and their places among the facts are empty.
NAMES = ("producer_id", "supplier_id")
PARTY_2 = f"{PARTY};text producer_id?;text supplier_id?;extra extra"
LISTS = {
    "mode": ("risk_evaluation", "supervisory_check", "special_check", "fast_test", "enforcement_test"),
    "agency": ("national", "provincial", "municipal", "county"),
    "basis": ("random", "targeted", "follow_up", "complaint", "census"),
    "channel": ("production", "retail", "market", "ecommerce"),
    "kind": ("laboratory", "rapid"),
    "outcome": (
        "conforming", "nonconforming", "refused", "terminated",
        "not_sampled", "rejected_by_lab", "untestable",
    ),
    "verdict": ("conforming", "nonconforming", "not_judged"),
}


def read_fields(reader, fields, absent):
    """Fields by their names; those that are absent are left out, or None where `absent` says so."""
    read = {
        "text": reader.text, "time": reader.signed, "number": reader.number, "float": reader.float,
        "byte": lambda: reader.take(1)[0],
        "items": lambda: [read_fields(reader, ITEM, True) for _ in range(reader.number())],
        "extra": lambda: {reader.text(): reader.text() for _ in range(reader.number())},
    }
    for name, values in LISTS.items():
        read[name] = lambda values=values: values[reader.number()]
    said = {}
    for field in fields.split(";"):
        kind, name = field.split(" ")
        value = reader.maybe(read[kind]) if name.endswith("?") else read[kind]()
        if value is not None or absent:
            said[name.rstrip("?")] = value
    return said


def read_result(shown):
    """A result's sections as they are shown to people."""
    said = {}
    if "facts" in shown:
        reader = Reader(shown["facts"])
        facts = said["facts"] = {"v": reader.number()}
        need(facts["v"] in (1, 2), "a result is of another version")
        facts.update(read_fields(reader, FACTS, False))
        reader.end()
        names = facts["extra"] or any(name in facts for name in NAMES)
        need(facts["v"] == 1 or not names, "the facts of a result have what stands with the party")
        if "party" in shown:
            reader = Reader(shown["party"])
            said["party"] = read_fields(reader, PARTY if facts["v"] == 1 else PARTY_2, False)
            reader.end()
    reader = Reader(shown["decision"])
    said["decision"] = {
        "partition": reader.number(), "offset": reader.number(), "epoch": reader.signed(),
        "late": bool(reader.number()),
    }
    reader.end()
    return said


def check_named(about, data):
    """What an alert's or a case's conclusion begins with: which alert about whom, or which case about whom."""
    reader = Reader(data)
    if about["kind"] == "alert":
        need(reader.number() == ALERT_MOVED, "the conclusion is of no alert")
        need(reader.text() == about["alert"], "the conclusion is of another alert")
        need(reader.text() == about["subject"], "the alert is another subject's")
        return
    need(reader.number() in (CASE_MOVED, CASE_INSERTED), "the conclusion is of no case")
    need(reader.text() == about["case"], "the conclusion is of another case")
    need(f"cell:{reader.text()}:{reader.text()}" == about["subject"], "the case is another subject's")


def read_raise(data):
    """What raised an alert: about whom, with which hazard, and the results that it names."""
    reader = Reader(data)
    kind = reader.number()
    need(kind in (ALERT_RAISED, SIGNAL_RAISED, RESULTS_RAISED), "what raised an alert is no raise")
    named = [] if kind == ALERT_RAISED else reader.texts()
    reader.text()  # its id
    said = {"subject": reader.text(), "zone": reader.maybe(reader.text), "hazard": reader.maybe(reader.text)}
    rule = reader.number()
    reader.number()  # the level
    reader.signed()  # the time
    record = reader.maybe(reader.text)
    reader.text(), reader.text()  # why
    reader.end()
    said["signals"] = named if kind == SIGNAL_RAISED else []
    said["results"] = named if kind == RESULTS_RAISED else [record] if record else []
    # It names nothing, and rests on all that was known of its subject.
    said["of_subject"] = kind == ALERT_RAISED and not record and rule != DUTY_MISSED
    return said


def read_alert_move(data):
    """The hazard of an alert, and the result that moved it, if one did."""
    reader = Reader(data)
    reader.number(), reader.text(), reader.text()  # the effect, the alert and the subject
    hazard = reader.maybe(reader.text)
    reader.signed()  # the time
    if reader.number() != 0:
        return hazard, None
    reader.text(), reader.number()  # the raise and its rule
    return hazard, reader.maybe(reader.text)


def is_own(facts, subject):
    """Whether a result is of whoever a pack is about; of a product, a zone, a sector or a draw nobody is."""
    kind, _, name = subject.partition(":")
    if kind == "site":
        return facts["site_id"] == name
    return kind in ("enterprise", "cell") and facts["enterprise_id"] == name.split(":")[0]


def touches(facts, subject):
    """Whether a result is of a subject. Of zones and sectors the bytes do not say what lies in them."""
    kind = subject.split(":")[0]
    mine = {
        "product": facts["category"], "enterprise": facts["enterprise_id"], "site": facts["site_id"],
        "cell": f"{facts['enterprise_id']}:{facts['category']}",
    }
    return kind not in mine or subject == f"{kind}:{mine[kind]}"


def check_raises(pack, shown):
    """An alert was raised by what the pack says, and the results in it are those behind that."""
    about = pack["about"]
    raises = [read_raise(shown[entry["index"]]["decision"]) for entry in pack["entries"] if entry["role"] == "raise"]
    moves = [
        read_alert_move(shown[entry["index"]]["decision"])
        for entry in pack["entries"] if entry["role"] == "conclusion"
    ]
    need(raises, "nothing raised the alert")
    hazards = {said["hazard"] for said in raises} | {hazard for hazard, _ in moves}
    need({said["subject"] for said in raises} == {about["subject"]}, "something else raised the alert")
    need(len(hazards) == 1, "another hazard raised the alert")
    named = {result for said in raises for result in said["results"]} | {result for _, result in moves if result}
    of_subject = any(said["of_subject"] for said in raises)
    listed = set()
    for facts in results_of(pack):
        listed.add(facts["inspection_id"])
        behind = facts["inspection_id"] in named or (of_subject and touches(facts, about["subject"]))
        need(behind, f"result {facts['inspection_id']} did not raise the alert")
    # Of those that are withheld the number is known.
    withheld = sum(entry["role"] == "result" for entry in pack["entries"]) - len(listed)
    need(of_subject or len(listed) + withheld <= len(named), "more results are withheld than raised the alert")
    need(pack["more_results"] or len(named - listed) <= withheld, "a result that raised the alert is missing")
    heard = {signal for said in raises for signal in said["signals"]}
    signals = [entry["shows"] for entry in pack["entries"] if entry["role"] == "signal"]
    # A redacted pack shows nothing of them.
    told = {shows["facts"]["told"]["signal_id"] for shows in signals if not pack["redacted"]}
    behind = len(signals) == len(heard) and (pack["redacted"] or told == heard)
    need(behind, "a signal that raised the alert is missing, or did not")


def results_of(pack):
    """The facts of the results that are shown."""
    results = (entry["shows"] for entry in pack["entries"] if entry["role"] == "result")
    return [shows["facts"] for shows in results if "facts" in shows]


def read_command(entry, shown):
    """What somebody decided, and apart from it why. Its bytes are JSON, and are shown as they are."""
    need(entry["kind"] == COMMAND, f"entry {entry['index']} is no command")
    said = {section: json.loads(data) for section, data in shown.items()}
    need(entry["shows"] == said, f"entry {entry['index']} shows what was not recorded")
    told = said["facts"]["told"]
    need(entry["actor"] == f"officer:{told['actor']['id']}", f"entry {entry['index']} is another officer's")
    return told


def check_signals(pack, shown):
    """Signals behind a case, and erasures of what was personal of them. Their bytes are JSON, shown as they are."""
    erasures, named = set(), set()
    for entry in pack["entries"]:
        index, role = entry["index"], entry["role"]
        if role not in ("signal", "erasure"):
            need("erased" not in entry, f"entry {index} is no signal")
            continue
        need(entry["kind"] == (SIGNAL if role == "signal" else ERASURE), f"entry {index} is no {role}")
        withheld = role == "signal" and pack["redacted"]
        need(("facts" in shown[index]) != withheld, f"entry {index} is not redacted as the pack says")
        said = {section: json.loads(data) for section, data in shown[index].items()}
        need(entry["shows"] == said, f"entry {index} shows what was not recorded")
        if role == "erasure":
            erasures.add(index)
            need("erased" not in entry, f"entry {index} is no signal")
            actor = said["facts"].get("actor")
            need(entry["actor"] == (f"user:{actor}" if actor else "system:retention"), f"entry {index} is another's")
        elif "erased" in entry:
            named.add(entry["erased"])
    need(named == erasures, "erasures are not those that signals name")


def steps_of(pack, shown, role):
    """The steps of draws, by draw: what was committed to, what was drawn, that it was revealed."""
    draws = {}
    for entry in pack["entries"]:
        if entry["role"] == role:
            told = read_command(entry, shown[entry["index"]])
            draws.setdefault(told["plan_id"], []).append(told["action"])
    for draw, actions in draws.items():
        codes = [action if isinstance(action, str) else "".join(action) for action in actions]
        need(codes == ["commit", "draw", "reveal"][:len(codes)], f"the steps of {draw} are not those of a draw")
    return draws


def check_draws(pack, shown):
    """Draws of the pack: the one that it is about, or those that its results name."""
    about = pack["about"]
    if about["kind"] == "draw":
        draws = steps_of(pack, shown, "conclusion")
        need(set(draws) == {about["draw"]}, "the pack is about another draw")
    else:
        draws = steps_of(pack, shown, "draw")
    named = {facts.get("draw_id") for facts in results_of(pack)}
    if about["kind"] == "draw":
        need(named <= set(draws), "a result is of another draw")
    else:
        need(set(draws) <= named, "a draw is there that no result names")
    return draws


# Draws that are made again: docs/planning.md.

def uniform(key, draw, mode, unit):
    digest = hmac.new(key, f"{draw}\t{mode}\t{unit}".encode(), hashlib.sha256).digest()
    return (int.from_bytes(digest[:8], "big") >> 12) * 2.0 ** -52 + 2.0 ** -53


def draw_stratum(units, quota, scheme, start, reserves):
    """Who is drawn and who stands by; a unit is its target, probability and uniform number."""
    ranked = sorted(units, key=lambda unit: unit[2] / (1.0 - unit[2]) * (1.0 - unit[1]) / unit[1])
    if scheme == "pareto":
        return ranked[:quota], ranked[quota:quota + reserves]
    need(scheme == "systematic", "a stratum has another scheme")
    line, taken, reached = sorted(units, key=lambda unit: unit[2]), set(), 0.0
    for unit in line:
        reached += unit[1]
        if len(taken) < quota and reached > start + len(taken):
            taken.add(unit)
    for unit in reversed(line):
        if len(taken) < quota and unit not in taken:
            taken.add(unit)
    rest = [unit for unit in ranked if unit not in taken]
    return [unit for unit in ranked if unit in taken], rest[:reserves]


def read_pool(text, draw):
    """The strata of a pool: mode, name, how many are drawn, scheme, and the units."""
    lines = text.split("\n")
    need(lines[:2] == ["spotcheck-draw-pool/1", f"draw\t{draw}"] and lines[-1] == "", "the pool is of another draw")
    strata = []
    for line in lines[2:-1]:
        fields = line.split("\t")
        if fields[0] == "stratum":
            strata.append((*fields[1:3], int(fields[3]), fields[4], []))
        else:
            strata[-1][4].append((fields[0], float(fields[2])))
    return strata


def draw_again(record, pool):
    """What pool, secret and beacon give must be the record's list."""
    draw, secret = record["draw"], unhex(record["secret"], 32, "the secret")
    key = sha(secret, record.get("beacon_value", "").encode())
    lines, reserves = [], []
    for mode, name, quota, scheme, units in read_pool(pool, draw):
        numbered = [(target, likely, uniform(key, draw, mode, target)) for target, likely in units]
        stand_by = max(5, math.ceil(quota * record["reserve_share"]))
        found = draw_stratum(numbered, quota, scheme, uniform(key, draw, mode, name), stand_by)
        for into, drawn in zip((lines, reserves), found):
            into += [
                {"mode": mode, "stratum": name, "target": target, "inclusion_probability": likely}
                for target, likely, _ in drawn
            ]
    lines.sort(key=lambda line: LISTS["mode"].index(line["mode"]))
    need(record["lines"] == lines and record["reserves"] == reserves, f"another list of {draw} follows from its pool")
    return len(lines)


def held(folder, kind, digest, ends):
    """A document beside the pack; none where it is not at hand."""
    path = folder / f"{kind}-{digest[:16]}.{ends}"
    if not path.is_file():
        return None
    data = path.read_bytes()
    need(sha(data).hex() == digest, f"{path.name} is not what the ledger has the hash of")
    return data


def check_documents(pack, folder):
    """Records and pools of draws that lie beside a pack that holds; says what was found."""
    said, draws = [], {}
    for entry in pack["entries"]:
        told = entry["shows"].get("facts", {}).get("told", {})
        if "plan_id" in told and isinstance(told["action"], dict):
            draws.setdefault(told["plan_id"], {}).update(told["action"])
    for draw, steps in sorted(draws.items()):
        record = held(folder, "record", steps["draw"]["record_sha256"], "json") if "draw" in steps else None
        if record is None:
            said.append(f"draw {draw}: its record is not at hand")
            continue
        record, commit = json.loads(record), steps["commit"]
        need(record["draw"] == draw, f"the record of {draw} is another draw's")
        need(record["pool_sha256"] == commit["pool_sha256"], f"{draw} was committed to with another pool")
        need(record["secret_sha256"] == commit["secret_sha256"], f"{draw} was committed to with another secret")
        secret = unhex(record["secret"], 32, "the secret")
        need(sha(secret).hex() == record["secret_sha256"], f"the secret of {draw} is another one")
        need(record.get("beacon") == commit.get("beacon"), f"{draw} was to wait for another beacon")
        need(record.get("beacon_value") == steps["draw"].get("beacon_value"), f"{draw} has another beacon's value")
        pool = held(folder, "pool", commit["pool_sha256"], "txt")
        if pool is None:
            said.append(f"draw {draw}: its record holds; its pool is not at hand")
        else:
            said.append(f"draw {draw}: drawn again, {draw_again(record, pool.decode())} tests as recorded")
        listed = {line["target"] for line in record["lines"] + record["reserves"]}
        for facts in results_of(pack):
            random = facts.get("draw_id") == draw and facts["basis"] == "random"
            target = f"{facts['enterprise_id']}/{facts['site_id']}/{facts['category']}"
            if random and target not in listed:
                said.append(f"draw {draw}: result {facts['inspection_id']} is of a target that was not drawn")
    return said


def near(one, other):
    return abs(one - other) < 1e-6


def check_counterfactual(told, said, wanted):
    """Where the level begins, and its probability without each part that raises the score, from what was
    recorded: the log-odds are normal. Absent where the probability is too near to 0 or 1 to tell."""
    at_least, deviation = said["at_least"].get(said["estimated"]), math.sqrt(said["variance"])
    tells = at_least is not None and 1e-9 < at_least < 1 - 1e-9 and deviation > 0
    need((told is not None) == (tells and wanted), "a counterfactual is missing, or stands where none can")
    if told is None:
        return
    normal = statistics.NormalDist()
    excess = normal.inv_cdf(at_least)
    need(told["level"] == said["estimated"], "the counterfactual is of another level")
    bound = said["log_odds"] - excess * deviation
    need(near(told["begins_at"], 1 / (1 + math.exp(-bound))), "the level begins elsewhere")
    need(near(told["points_above"], excess * deviation * POINTS), "the grade is as far from its bound as not told")
    raising = {part: value for part, value in said["parts"] if value > 0 and part != "base"}
    without = {of["part"]: of["at_least"] for of in told["without"]}
    need(len(told["without"]) == len(without) and set(without) == set(raising), "other parts raise the score")
    for part, value in raising.items():
        left = normal.cdf(excess - value / deviation)
        need(near(without[part], left), f"without `{part}` the level has another probability")


def check_comparables(pack, own, shown):
    entries = [entry for entry in pack["entries"] if entry["role"] == "comparable"]
    told = pack.get("comparables", [])
    need([entry["index"] for entry in entries] == [of["entry"] for of in told], "other comparables are proved")
    for entry, of in zip(entries, told):
        need(entry["kind"] == EFFECT, "a comparable is no grade")
        if pack["redacted"]:
            need("decision" not in shown[entry["index"]] and "subject" not in of, "a comparable is named")
            continue
        said = read_assessment(shown[entry["index"]]["decision"])
        for field in ("subject", "level", "probability"):
            need(of[field] == said[field], f"`{field}` of a comparable is not what was recorded")
        need(said["subject"].split(":")[0] == own["subject"].split(":")[0], "a comparable is of another kind")
        need(set(said["sectors"]) & set(own["sectors"]) or not own["sectors"], "a comparable is of another sector")
        mine, other = dict(own["parts"]), dict(said["parts"])
        points = {part: (other.get(part, 0.0) - mine.get(part, 0.0)) * POINTS for part in {**mine, **other}}
        differences = {part["part"]: part["points"] for part in of["differences"]}
        need(set(points) == set(differences), "a comparable differs in other parts")
        for part, value in points.items():
            need(near(differences[part], value), f"a comparable differs in `{part}` by something else")


def check_statement(pack, shown):
    about, statement = pack["about"], pack["statement"]
    if about["kind"] == "draw":
        told = [entry["shows"]["facts"] for entry in pack["entries"] if entry["role"] == "conclusion"]
        need(told and statement == {"draw": told}, "the statement is not what the entries show")
        return
    if about["kind"] != "assessment":
        kind = about["kind"]
        need(kind in ("alert", "case"), "the pack is about neither a grade nor an alert nor a case nor a draw")
        conclusions = [entry for entry in pack["entries"] if entry["role"] == "conclusion"]
        need(conclusions, "nothing is concluded")
        for entry in conclusions:
            need(entry["kind"] == EFFECT, "a conclusion is of another kind")
            check_named(about, shown[entry["index"]]["decision"])
        told = [entry["shows"]["decision"] for entry in conclusions]
        need(statement == {kind: told}, "the statement is not what the entries show")
        if kind == "alert" and pack["format"] not in FORMATS[:2]:
            check_raises(pack, shown)
        return
    first = pack["entries"][0]
    need(first["role"] == "conclusion" and first["index"] == about["entry"], "the conclusion is not first")
    need(first["kind"] == EFFECT, "the conclusion is of another kind")
    said, told = read_assessment(shown[first["index"]]["decision"]), statement["assessment"]
    need(said["subject"] == about["subject"], "the grade is another subject's")
    decision = told["decision"] and told["decision"]["command_id"]
    need(said.pop("decision") == decision, "the decision is not what was recorded")
    check_counterfactual(pack.get("counterfactual"), said, pack["format"] != FORMATS[0])
    check_comparables(pack, said, shown)
    counted = sum(of["results"] for of in said["evidence"].values())
    need(pack.get("counted_results", counted) == counted, "the grade counts more or fewer results")
    need("counted_results" in pack or pack["format"] in FORMATS[:2], "how many results it counts is missing")
    for facts in results_of(pack):
        need(touches(facts, said["subject"]), f"{facts['inspection_id']} is a result of another subject")
    parts, log_odds = said.pop("parts"), said.pop("log_odds")
    del said["variance"], said["estimated"]
    for field, value in said.items():
        need(value == told[field], f"`{field}` of the statement is not what was recorded")
    contributions = [(part["part"], part["log_odds"]) for part in told["contributions"]]
    need(parts == contributions, "the parts are not what was recorded")
    # In their order, as they were added when the grade was recorded.
    total = 0.0
    for _, part in parts:
        total += part
    need(total == log_odds, "the parts do not add up to the score")


def check_result(pack, entry, shown):
    """A redacted pack shows no party, and facts only of whoever it is about."""
    index, redacted = entry["index"], pack["redacted"]
    need(entry["kind"] == RESULT, "a result is of another kind")
    need(("party" in shown) != redacted, f"entry {index} is not redacted as the pack says")
    said = read_result(shown)
    need(entry["shows"] == said, f"entry {index} shows what was not recorded")
    if redacted and pack["format"] not in FORMATS[:3]:
        own = "facts" not in said or is_own(said["facts"], pack["about"].get("subject", ""))
        need(own, f"entry {index} is a result of another party")
    else:
        need("facts" in said, f"entry {index} is withheld without a reason")


def check_words(entry, data):
    """Sentences and what officers wrote, which stand apart from what was concluded."""
    reader = Reader(data)
    words = reader.texts()
    reader.end()
    told = []
    for text in entry["shows"]["party"].values():
        told += text if isinstance(text, list) else [text]
    need(sorted(told) == sorted(words), f"entry {entry['index']} says in words what was not recorded")


def check_pack(pack, key):
    need(pack["format"] in FORMATS, "the pack is of another format")
    size, root = open_checkpoint(pack["checkpoint"], key)
    ledger = pack["ledger"]
    need(ledger["size"] == size, "the pack's size is not the checkpoint's")
    need(ledger["root"] == root.hex(), "the pack's root is not the checkpoint's")
    need(ledger["origin"] == pack["checkpoint"].split("\n")[0], "the pack's ledger is not the checkpoint's")
    need(pack["entries"], "the pack has no entries")
    shown, seen = {}, set()
    for entry in pack["entries"]:
        index = entry["index"]
        need(index not in seen, f"entry {index} stands twice")
        seen.add(index)
        need(entry["role"] in ROLES, "an entry has no role")
        leaf, shown[index] = leaf_of(entry)
        proof = [unhex(step, 32, f"a proof of entry {index}") for step in entry["proof"]]
        need(root_of(leaf, index, size, proof) == root, f"entry {index} does not lead to the signed root")
        need("personal" not in shown[index], f"entry {index} shows a personal section")
        need(set(entry["shows"]) <= set(shown[index]), f"entry {index} shows what it does not prove")
        need(isinstance(pack["redacted"], bool), "`redacted` is neither true nor false")
        need(not pack["redacted"] or "party" not in shown[index], f"entry {index} shows a party")
        if entry["role"] == "result":
            check_result(pack, entry, shown[index])
        if entry["kind"] == EFFECT and "party" in shown[index]:
            check_words(entry, shown[index]["party"])
        if entry["role"] == "decision":
            read_command(entry, shown[index])
        if entry["role"] == "raise":
            need(entry["kind"] == EFFECT and pack["about"]["kind"] == "alert", f"entry {index} raised no alert")
    check_signals(pack, shown)
    check_draws(pack, shown)
    check_statement(pack, shown)
    return size, len(seen)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="pack.json or checkpoint.txt")
    parser.add_argument("--key", required=True, help="the ledger's public key, NAME+ID+BASE64")
    asked = parser.parse_args()
    try:
        with open(asked.file, encoding="utf-8", newline="") as file:
            text = file.read()
        if text.lstrip().startswith("{"):
            pack = json.loads(text)
            size, entries = check_pack(pack, asked.key)
            said = check_documents(pack, pathlib.Path(asked.file).parent)
            print("\n".join([f"holds: {entries} entries lead to the signed root of {size}", *said]))
        else:
            size, root = open_checkpoint(text, asked.key)
            print(f"holds: {size} entries, root {root.hex()}")
    except Refused as why:
        print(f"does not hold: {why}", file=sys.stderr)
        return 1
    except (KeyError, TypeError, IndexError, AttributeError, ValueError, RecursionError, struct.error) as error:
        print(f"does not hold: not a pack ({type(error).__name__}: {error})", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
