"""Alters one value of an evidence pack at a time and has every altered pack checked: all must be refused.

Values that only put proved numbers into words, or name them, are left alone: docs/verify/README.md says which.
"""

import copy
import json
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "docs" / "verify"))
import verify  # noqa: E402

WORDED = {("statement",), ("counterfactual",), ("comparables",)}
WORDS = {
    "zh", "en", "reason_zh", "reason_en", "part", "points", "kind", "name", "name_en", "level_zh",
    "provisional", "own_results", "as_of", "estimated", "level_zh", "until",
}


def leaves(value, path=()):
    if isinstance(value, dict):
        for key, inner in value.items():
            if not (path[:1] in WORDED and key in WORDS):
                yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from leaves(inner, (*path, at))
    else:
        yield path


def altered(value, draw):
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    if not value:
        return "x"
    at = draw.randrange(len(value))
    other = draw.choice([letter for letter in "0123456789abcdef" if letter != value[at]])
    return value[:at] + other + value[at + 1:]


def refused(pack, key):
    try:
        verify.check_pack(pack, key)
    except (verify.Refused, KeyError, TypeError, IndexError, AttributeError, ValueError):
        return True
    return False


def main():
    file, key, count, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    draw = random.Random(seed)
    with open(file, encoding="utf-8") as text:
        pack = json.load(text)
    verify.check_pack(pack, key)
    # What is told people of a raise beyond its words is not read again from its bytes.
    raises = [at for at, entry in enumerate(pack["entries"]) if entry["role"] == "raise"]
    paths = [
        path for path in leaves(pack)
        if path != ("more_results",) and not (path[2:4] == ("shows", "decision") and path[1] in raises)
    ]
    # Others are withheld from other parties, so that what is told of them is proved by the full pack alone.
    if pack["redacted"]:
        paths = [path for path in paths if path[0] != "comparables" or path[-1] == "entry"]
    done = 0
    for path in draw.choices(paths, k=count):
        other = copy.deepcopy(pack)
        inner = other
        for key_or_place in path[:-1]:
            inner = inner[key_or_place]
        inner[path[-1]] = altered(inner[path[-1]], draw)
        if refused(other, key):
            done += 1
        else:
            print("believed:", path, inner[path[-1]])
    print(f"{done} of {count} refused")
    return done != count


if __name__ == "__main__":
    sys.exit(main())
