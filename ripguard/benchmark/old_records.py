"""Records of before there was a schema (a folder with ``record.json`` a record) as measurements, and their old names.

``tools/migrate_records.py`` reads them, and ``tools/numbers.py`` compares what it made with older commits.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ripguard.benchmark.records import ARCHIVE, FOLDERS, Measurement
from ripguard.benchmark.rows import METRICS, OF_ROW, SETTINGS, VICTIMS, measurement, metric_names
from ripguard.errors import InputRefused, UsageError
from ripguard.methods.params import DataStats
from ripguard.schemes.stored import label, options_of
from ripguard.schemes.stored import read as read_scheme

# by the first word or words of a record's name
KINDS = {
    "table1": "victim", "transfer": "transfer", "peers": "peer", "adaptive": "limited-clean", "undo": "undo",
    "chain": "chain", "first run": "first-run", "large": "large", "block size": "block-size", "open choices": "choice",
    "held out": "held-out", "planes": "planes", "marks": "marks", "tamper": "tamper", "interruption": "interruption",
    "bench": "bench", "coders": "coders",
}  # fmt: skip
FORMS = {  # schemes under names of their own, which their options do not determine
    "mrit (first marks)": "first marks", "mrit (first setting)": "first setting", "mrit (ε 0.07)": "ε 0.07",
    "mrit, grey kept": "gray kept", "seal, ar (first rules)": "first rules",
}  # fmt: skip
RUN = ("command", "date", "commit", "hardware", "versions")
OF_RECORD = ("eps", "steps", "surrogate_epochs")  # settings of all rows
SIDES = {"tinyimagenet": 64}  # pixels; of all others 32
LOOKS = "looks"  # of a record, as a measurement of its own
NAMES = json.loads(Path(__file__).with_name("old_names.json").read_text("utf-8"))  # in values of old records
ALONE, DEFENDED, ATTACKS = NAMES["alone"], NAMES["inputs_defended"], NAMES["attacks"]


def kind_of(record: dict[str, Any]) -> str:
    """The experiment: a record's name without the values of its other fields."""
    name = str(record["name"])
    victims = record.get("victims") or record.get("recipe", {}).get("name")
    for part in (record["scheme"], victims, record["protocol"], record["dataset"]):
        name = name.removesuffix(f" {part}")
    return name


def new_kind(record: dict[str, Any]) -> str:
    for old, new in KINDS.items():
        if record["name"] == old or record["name"].startswith((f"{old} ", f"{old},")):
            return new
    raise UsageError(f"{record['name']}: expected a record of one of {', '.join(KINDS)}")


def scheme_of(record: dict[str, Any]) -> dict[str, Any] | None:
    """The nested scheme of a record."""
    called, made = record["scheme"], record.get("release", {}).get("scheme")
    if made is None:
        if called == "none":
            return None
        name = called.removesuffix(" (no perturbation)")
        return {"name": name} | ({"perturb": {"method": "none"}} if name != called else {})
    lossy = called.endswith(", lossy")
    called = called.removesuffix(", lossy")
    stored = dict(made)
    if called == "mrit-tap":  # it was what `mrit` meant
        stored["name"] = "mrit-tap"
    own = read_scheme(stored)
    if own.data is None or isinstance(made.get("perturb"), str):  # a flat table has no data
        side = SIDES.get(record["dataset"].split(":")[0], 32)
        own = own.__class__(own.name, own.perturb, own.hide, own.tint, data=DataStats(side, 10))
    nested: dict[str, Any] = json.loads(json.dumps(own.to_json()))
    if isinstance(made.get("perturb"), str):
        del nested["data"]["channels"]
        nested["data"]["channels"] = [1, 3] if own.tint is not None else [3]
    if called in FORMS:
        nested["form"] = FORMS[called]
    elif called not in (label(nested), nested["name"]):
        raise InputRefused(f"{record['name']}: its options are those of {label(nested)}, and it is called {called}")
    return nested | ({"lossy": True} if lossy else {})


def is_superseded(scheme: dict[str, Any] | None) -> bool:
    """Whether no options make such a scheme any more: an old form, or marks as they were before there was a sink."""
    if scheme is None or "hide" not in scheme:
        return False
    perturb = scheme["perturb"]
    marks = perturb["method"] == "marks"
    return "form" in scheme or (marks and not perturb.get("sink"))


def measurements(folder: str, record: dict[str, Any]) -> tuple[dict[str, Any], list[Measurement]]:
    """Runs by their names, and the measurements of a record, in its order.

    Args:
        folder: its name, which becomes the name of the run.
    """
    kind, scheme = new_kind(record), scheme_of(record)
    rows = record["rows"]
    victims = record.get("victims") or record.get("recipe", {}).get("name")
    formerly = {name: record[name] for name in ("dataset", "protocol", "scheme", *OF_RECORD) if name in record}
    formerly |= {"kind": kind_of(record)} | ({"victims": victims} if victims else {})
    base = {name: record[name] for name in RUN} | {name: record[name] for name in ("recipe",) if name in record}
    if "release" in record:
        base["release"] = {k: v for k, v in record["release"].items() if k != "scheme"}
    base |= {k: rows[0][k] for k in ("device", "threads", "classes") if rows and k in rows[0]} | {"formerly": formerly}
    runs = {folder: base}
    protocol = record["protocol"] if kind == "victim" else victims
    shared = {name: record[name] for name in OF_RECORD if name in record}
    images = record.get("pictures") or max((row.get("images", 0) for row in rows), default=0)
    common: dict[str, Any] = {"dataset": record["dataset"], "protocol": protocol, "scheme": scheme}
    found = []
    if LOOKS in record:
        quality = {METRICS.get(name, name): value for name, value in record[LOOKS].items()}
        found.append(Measurement("image-quality", metrics=quality, run=folder, n_train=images or None, **common))
    if "model_bytes" in record:
        found.append(Measurement(kind, metrics={"model_bytes": record["model_bytes"]}, run=folder, **common))
    for row in rows:
        own = {name: row[name] for name in OF_ROW if name in row and row[name] != base.get(name)}
        name = next((one for one, run in runs.items() if run == {"of": folder} | own), folder if not own else None)
        if name is None:
            name = f"{folder}.{len(runs) + 1}"
            runs[name] = {"of": folder} | own
        found.append(measurement(kind, renamed(kind, row), record.get("pictures"), shared, common, name))
    return runs, found


def renamed(kind: str, row: dict[str, Any]) -> dict[str, Any]:
    """An old row with today's names of training sets, defences and attacks."""
    found, flags = dict(row), {}
    for name in ("split", "trained_on"):
        if found.get(name) == ALONE:
            found[name], flags["alone"] = "clean", True
    for name in ("defence", "attack") if kind in VICTIMS else ():
        value = found.get(name)
        if isinstance(value, str):
            found[name] = value.removesuffix(DEFENDED)
            flags |= {"inputs_defended": True} if value.endswith(DEFENDED) else {}
    if kind in VICTIMS and isinstance(found.get("attack"), str):
        for before, after in ATTACKS:
            found["attack"] = found["attack"].replace(before, after)
    return found | flags


def place_of(folder: str, one: Measurement, replaced: bool = False) -> str:
    """Which file of ``results/`` a measurement of a record goes into."""
    name = folder.partition("_")[2] or folder
    archived = replaced or is_superseded(one.scheme)
    return f"{ARCHIVE if archived else FOLDERS[one.kind]}/{name}.jsonl"


def as_before(one: Measurement) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a measurement was about and its metrics, under their old names; of a run that was none: as they are."""
    own = {name: getattr(one, name) for name in ("n_train", "training_set", "defence", "attack", "model", "seed")}
    about = {name: value for name, value in own.items() if value is not None}
    formerly = one.provenance.get("formerly")
    if formerly is None:
        scheme = {"scheme": one.scheme} if one.scheme else {}
        protocol = {"protocol": one.protocol} if one.protocol else {}
        return {"kind": one.kind, "dataset": one.dataset} | scheme | protocol | about | one.setting, one.metrics
    setting, flags = dict(one.setting), ("alone", "inputs_defended")
    if setting.get("alone"):
        about["training_set"] = ALONE
    if "attack" in about:
        for before, after in ATTACKS:
            about["attack"] = about["attack"].replace(after, before)
    if setting.get("inputs_defended"):
        name = "defence" if "defence" in about else "attack"
        about[name] += DEFENDED
    back = {new: old for old, new in SETTINGS.items()}
    about |= {back.get(name, name): value for name, value in setting.items() if name not in flags}
    if one.kind == "image-quality":
        names = {new: old for old, new in METRICS.items()}
        return formerly | about, {LOOKS: {names.get(k, k): v for k, v in one.metrics.items()}}
    names = {new: old for old, new in metric_names(one.kind).items()}
    return formerly | about, {names.get(name, name): value for name, value in one.metrics.items()}


# --- which of several old records about the same counts -------------------------------------------------------------


def kept(found: Sequence[tuple[str, dict[str, Any]]]) -> dict[str, list[int]]:
    """Positions of the rows of each record, by its folder, that no newer record about the same replaces.

    A newer record replaces an elder one as a whole, but for rows that it lacks, where both are of releases that differ
    in the key alone.

    Args:
        found: (folder, record), oldest first.
    """
    groups: dict[tuple[str, int], list[tuple[str, dict[str, Any]]]] = {}
    for folder, record in found:
        images = record.get("pictures") or max((row.get("images", 0) for row in record["rows"]), default=0)
        groups.setdefault((record["name"], images), []).append((folder, record))
    result: dict[str, list[int]] = {folder: [] for folder, _ in found}
    for group in groups.values():
        folder, newest = group[-1]
        result[folder] = list(range(len(newest["rows"])))
        parts, there = [newest], {_of_row(row) for row in newest["rows"]}
        for place, elder in reversed(group[:-1]):
            releases = {_release(part) for part in parts}
            if None in releases | {_release(elder)} or _release(elder) in releases or not _alike(newest, elder):
                continue
            result[place] = [i for i, row in enumerate(elder["rows"]) if _of_row(row) not in there]
            if result[place]:
                parts.append(elder)
                there |= {_of_row(row) for row in elder["rows"]}
    return result


def _release(record: dict[str, Any]) -> str | None:
    return record.get("release", {}).get("dataset_id")


def _of_row(row: dict[str, Any]) -> tuple[object, ...]:
    about = ("split", "trained_on", "model", "seed", "defence", "attack", "clean_pictures")
    return tuple(row.get(key) for key in about)


def _alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether the options of release and protocol that both have are equal."""
    mine, theirs = (
        options_of(record.get("release", {}).get("scheme", {}))
        | {f"protocol {k}": v for k, v in record.get("recipe", {}).items()}
        for record in (one, other)
    )
    common = mine.keys() & theirs.keys() - {"protocol source"}  # a wording
    return "name" in common and all(mine[key] == theirs[key] for key in common)


def read_old(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """(folder, record) of all records below a folder, oldest first; raises InputRefused for what is none."""
    found = []
    for path in sorted(folder.rglob("record.json")):
        try:
            record = json.loads(path.read_text("utf-8"))
            found.append((path.parent.name, record))
            new_kind(record)
        except (ValueError, KeyError, TypeError) as error:
            raise InputRefused(f"{path} is no record: {type(error).__name__}: {error}") from None
    return found
