"""Records of ``results/``: one JSON line a measurement, and where each run of measurements comes from.

::

    results/<folder>/<record>.jsonl   one measurement a line, see :class:`Measurement`
    results/runs.json                 {"schema": 1, "runs": {"<id>": {"command": …, "date": …, "commit": …, …}}}

Its fields identify a measurement, never its file or its place in it. A run with ``of`` takes from that run every field
that it lacks. ``results/archive/`` holds measurements that a newer one of the
same replaced, and those of schemes that no longer exist.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ripguard.errors import InputRefused, expected
from ripguard.schemes.stored import label
from ripguard.store.atomic import lock, write_file

SCHEMA = 1
RUNS, ARCHIVE = "runs.json", "archive"
TRAINING_SETS = ("clean", "protected", "restored")
FOLDERS = {  # of each kind of measurement; the kinds are named after the experiments
    "victim": "victims", "image-quality": "victims", "transfer": "victims", "peer": "victims", "demo": "victims",
    "privdl": "victims", "lock-fit": "victims",
    "limited-clean": "attacks", "undo": "attacks", "known-pair": "attacks", "lock-pairs": "attacks",
    "chain": "exactness", "first-run": "exactness", "large": "exactness", "lock-unlock": "exactness",
    "block-size": "ablations", "choice": "ablations", "held-out": "ablations", "planes": "ablations",
    "marks": "ablations", "blending": "ablations", "ceiling": "ablations",
    "capacity": "ablations",
    "tamper": "robustness", "interruption": "robustness",
    "bench": "performance", "platform-load": "performance", "coders": "performance", "install": "performance",
}  # fmt: skip


@dataclass(frozen=True)
class Measurement:
    """One line of a record.

    Attributes:
        kind: key of :data:`FOLDERS`; it determines the fields and metrics.
        dataset: as ``ripguard protect`` calls it.
        metrics: what was measured, by name: accuracies in percent, PSNR in dB, times in seconds. Values are numbers,
            truth values, None, text lists, or lists and dictionaries of them.
        run: key of ``runs.json``.
        n_train: number of training images.
        protocol: of training, see :func:`ripguard.train.protocols.called`.
        scheme: as ``release.json`` has it: ``{"name": …, "perturb": {…}, "hide": {…}}``; ``form`` where it is an older
            form that no options give any more, ``lossy`` where the release cannot be restored exactly.
        training_set: one of :data:`TRAINING_SETS`; defence, attack, model, seed: of the victim.
        setting: what else distinguishes this measurement from others, by name.
        digests: of training images (``train``), test images (``test``), and the weights that training started with
            (``start``).
        provenance: of the run, filled in by :func:`read`; no part of the line.
        place: name of the record's file below ``results/``, likewise.
    """

    kind: str
    dataset: str
    metrics: dict[str, Any]
    run: str
    n_train: int | None = None
    protocol: str | None = None
    scheme: dict[str, Any] | None = None
    training_set: str | None = None
    defence: str | None = None
    attack: str | None = None
    model: str | None = None
    seed: int | None = None
    setting: dict[str, Any] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict, compare=False)
    place: str = field(default="", compare=False)

    @functools.cached_property  # tables look at it often, and deriving it takes long
    def scheme_name(self) -> str:
        """What tables call the scheme."""
        return scheme_name(self.scheme)

    @property
    def identity(self) -> str:
        """What it is about: equal for two measurements of the same."""
        about = {name: getattr(self, name) for name in IDENTITY}
        return json.dumps(about | {"scheme": self.scheme_name}, sort_keys=True, ensure_ascii=False)

    def to_json(self) -> dict[str, Any]:
        """The line; fields that do not apply are left out."""
        fields = {name: getattr(self, name) for name in (*IDENTITY, "digests", "metrics", "run")}
        return {"schema": SCHEMA} | {name: value for name, value in fields.items() if value not in (None, {})}

    def about(self, **wanted: Any) -> bool:
        """Whether fields, the scheme's name, and else settings, have these values."""
        fields = (*NAMES, "scheme_name")
        return all(getattr(self, k) == v if k in fields else self.setting.get(k) == v for k, v in wanted.items())


NAMES = tuple(one.name for one in dataclasses.fields(Measurement))
IDENTITY = ("kind", "dataset", "n_train", "protocol", "scheme", "training_set", "defence", "attack", "model", "seed",
            "setting")  # fmt: skip
TYPES: dict[str, type] = dict.fromkeys(NAMES, str) | {"n_train": int, "seed": int}
TYPES |= dict.fromkeys(("scheme", "setting", "digests", "metrics"), dict)


def scheme_name(scheme: dict[str, Any] | None) -> str:
    """What tables call a scheme, derived from its parameters: ``seal, lsp``; nothing where there is none."""
    if scheme is None:
        return ""
    name = label(scheme) if isinstance(scheme.get("hide"), dict) else str(scheme.get("name", ""))
    name += f" ({scheme['form']})" if "form" in scheme else ""
    return name + (", lossy" if scheme.get("lossy") else "")


def parse(line: dict[str, Any], where: str, runs: dict[str, Any], place: str = "") -> Measurement:
    """A measurement from its line.

    Raises:
        InputRefused: another schema, an unknown field or kind, a value of the wrong type, or a run that is not known.
    """
    if not isinstance(line, dict) or line.get("schema") != SCHEMA:
        raise InputRefused(expected(where, f"a record of schema {SCHEMA}", str(line)[:40]))
    known = {*IDENTITY, "digests", "metrics", "run"}
    for name, value in line.items():
        if name != "schema" and (name not in known or type(value) is not TYPES[name]):
            raise InputRefused(
                expected(f"{where}, {name}", TYPES[name].__name__ if name in known else "no field", value)
            )
    for name in ("kind", "dataset", "metrics", "run"):
        if name not in line:
            raise InputRefused(f"{where}: {name} is missing")
    if line["kind"] not in FOLDERS:
        raise InputRefused(expected(f"{where}, kind", f"one of {', '.join(FOLDERS)}", line["kind"]))
    if line.get("training_set") not in (None, *TRAINING_SETS):
        raise InputRefused(expected(f"{where}, training_set", f"one of {TRAINING_SETS}", line["training_set"]))
    if line["run"] not in runs:
        raise InputRefused(f"{where}: {RUNS} has no run {line['run']!r}")
    fields = {name: value for name, value in line.items() if name != "schema"}
    return Measurement(**fields, provenance=resolved(runs, line["run"]), place=place)


def resolved(runs: dict[str, Any], name: str) -> dict[str, Any]:
    """All that is known of a run, with what it has of another; ``run`` is that other's name, or its own."""
    own = runs[name]
    base = runs[own["of"]] if "of" in own else {}
    return {"run": own.get("of", name)} | base | {key: value for key, value in own.items() if key != "of"}


def read_runs(results: Path) -> dict[str, Any]:
    """Runs by their names; {} where there is no file.

    Raises:
        InputRefused: it is no such file.
    """
    path = results / RUNS
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text("utf-8"))
        if found["schema"] == SCHEMA:
            return dict(found["runs"])
    except (ValueError, KeyError, TypeError):
        pass
    raise InputRefused(f"{path} is no file of runs of schema {SCHEMA}")


def read_file(path: Path, results: Path, runs: dict[str, Any]) -> list[Measurement]:
    """The measurements of one file, in its order; raises InputRefused."""
    place, found = path.relative_to(results).as_posix(), []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        try:
            found.append(parse(json.loads(line), f"{path}, line {number}", runs, place))
        except ValueError as error:
            raise InputRefused(f"{path}, line {number} is no JSON: {error}") from None
    return found


def read(results: Path, archive: bool = False) -> list[Measurement]:
    """All measurements of ``results/``, the newest of each identity; or all of ``results/archive/``.

    Raises:
        InputRefused: a line or a run that cannot be read.
    """
    runs = read_runs(results)
    if archive:
        paths = sorted((results / ARCHIVE).glob("*.jsonl"))
        return [one for path in paths for one in read_file(path, results, runs)]
    paths = [path for folder in dict.fromkeys(FOLDERS.values()) for path in sorted((results / folder).glob("*.jsonl"))]
    return newest(one for path in paths for one in read_file(path, results, runs))


def newest(rows: Iterable[Measurement]) -> list[Measurement]:
    """Of several measurements of the same the newest alone, in order of first appearance."""
    found: dict[str, Measurement] = {}
    for row in rows:
        known = found.get(row.identity)
        if known is None or row.provenance.get("date", "") >= known.provenance.get("date", ""):
            found[row.identity] = row
    return list(found.values())


def lines_of(rows: Sequence[Measurement]) -> bytes:
    return "".join(json.dumps(row.to_json(), ensure_ascii=False) + "\n" for row in rows).encode()


def add(
    results: Path,
    place: str,
    run: dict[str, Any],
    rows: Sequence[Measurement],
    others: dict[str, Any] | None = None,
) -> None:
    """Append measurements to ``results/<place>``, and their run to ``runs.json``; a file is whole before and after.

    Args:
        run: provenance of all of them; ``rows`` name the run that it is stored under.
        others: runs by their names that ``run`` is ``of``.

    Raises:
        InputRefused: a measurement that :func:`parse` would refuse.
        StorageError: it cannot be written.
    """
    with _alone(results):
        runs = read_runs(results)
        wanted = (others or {}) | dict.fromkeys(sorted({row.run for row in rows}), run)
        missing = wanted.keys() - runs.keys()
        runs = wanted | runs
        for row in rows:
            parse(json.loads(json.dumps(row.to_json())), place, runs)
        if missing:
            write_runs(results, runs)
        path = results / place
        old = path.read_bytes() if path.exists() else b""
        write_file(path, old + lines_of(rows))


def write_runs(results: Path, runs: dict[str, Any]) -> None:
    body = ",\n".join(f" {json.dumps(k)}: {json.dumps(runs[k], ensure_ascii=False)}" for k in sorted(runs))
    write_file(results / RUNS, f'{{"schema": {SCHEMA}, "runs": {{\n{body}\n}}}}\n'.encode())


@contextlib.contextmanager
def _alone(results: Path) -> Iterator[None]:
    """Other processes that add to the same records wait."""
    results.mkdir(parents=True, exist_ok=True)
    place = results / ".lock"
    with lock(place, wait=True):
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # Windows keeps it
                place.unlink()
