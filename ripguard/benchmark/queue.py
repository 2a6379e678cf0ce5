"""Training queues: text files with one victim per line.

::

    # training images           options of the release                    name of the record
    dataset=cifar10 protocol=paper split=clean     protect="--scheme paper" record=cifar10-paper-paper
    dataset=cifar10 protocol=paper split=protected protect="--scheme paper" record=cifar10-paper-paper seed=1

Words are quoted as in a shell; ``#`` starts a comment.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ripguard.benchmark.defences import DEFENCES
from ripguard.benchmark.victims import OWN_SEEDS, SPLITS
from ripguard.data.registry import short_name
from ripguard.errors import InputRefused, UsageError, expected
from ripguard.train.protocols import PROTOCOLS

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")


@dataclass(frozen=True)
class Row:
    """One victim to train.

    Attributes:
        dataset: name of a dataset, or a folder.
        protocol: name in PROTOCOLS; ``model`` and ``epochs`` replace those of the protocol.
        split: training images: ``clean``, ``protected`` or ``restored``.
        record: name of the record for the result.
        seed: seed of the victim; for restored images, an offset is added.
        defence: name in :data:`ripguard.benchmark.defences.DEFENCES`.
        protect: options of ``ripguard protect`` for the release. A clean row is also added to the record of that
            release.
        line: line number in the file.
    """

    dataset: str
    protocol: str
    split: str
    record: str
    seed: int = 0
    defence: str = "none"
    model: str = ""
    epochs: int | None = None
    protect: str = ""
    line: int = 0

    @property
    def about(self) -> dict[str, str | int]:
        """The fields that differ from their defaults."""
        fields = {field.name: field.default for field in dataclasses.fields(self)}
        return {name: getattr(self, name) for name in fields if name != "line" and getattr(self, name) != fields[name]}

    @property
    def slug(self) -> str:
        """Name of its folder; does not depend on the line and the record."""
        identity = {name: value for name, value in self.about.items() if name != "record"}
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]
        return f"{short_name(self.dataset)}-{self.protocol}-{self.split}-{self.seed}-{digest}"


def read_queue(path: Path) -> list[Row]:
    """Read the rows of a queue, in order.

    Raises:
        UsageError: a line is invalid; the message contains its number and field.
        InputRefused: the file cannot be read, or contains no rows.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise InputRefused(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'no UTF-8'}") from None
    rows: list[Row] = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise UsageError(f"{path}, line {number}: it cannot be split into words ({error})") from None
        if not words:
            continue
        row = _row(f"{path}, line {number}", words, number)
        if twin := next((one for one in rows if one.slug == row.slug), None):
            raise UsageError(f"{path}, line {number}: the same row as in line {twin.line}")
        rows.append(row)
    if not rows:
        raise InputRefused(f"{path} holds no rows")
    return rows


def _row(where: str, words: list[str], number: int) -> Row:
    fields = [field.name for field in dataclasses.fields(Row) if field.name != "line"]
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in fields:
            raise UsageError(expected(where, f"one of {', '.join(fields)}, each as name=value", repr(word)))
        if name in found:
            raise UsageError(f"{where}, {name}: given twice")
        found[name] = value
    for name, (wanted, good) in _good().items():
        if name not in found and name in REQUIRED:
            raise UsageError(f"{where}: {name} is missing", f"{name} is {wanted}")
        if name in found and not good(found[name]):
            raise UsageError(expected(f"{where}, {name}", wanted, repr(found[name])))
    whole = {name: int(found.pop(name)) for name in ("seed", "epochs") if name in found}
    return Row(**found, **whole, line=number)  # type: ignore[arg-type]


REQUIRED = ("dataset", "protocol", "split", "record")


def _good() -> dict[str, tuple[str, Callable[[str], object]]]:
    """For each field: a description of valid values, and a test for them."""
    from ripguard.train.models import MODELS

    def one_of(*names: str) -> tuple[str, Callable[[str], object]]:
        return f"one of {', '.join(names)}", names.__contains__

    return {
        "dataset": ("a dataset or a folder", bool),
        "protocol": one_of(*PROTOCOLS),
        "split": one_of(*SPLITS),
        "record": ("a name of letters, digits, dots and dashes", NAME.fullmatch),
        "seed": (f"a whole number from 0 to {OWN_SEEDS - 1}", re.compile(r"[0-9]{1,3}").fullmatch),
        "epochs": ("a whole number above 0", re.compile(r"[1-9][0-9]{0,5}").fullmatch),
        "defence": one_of(*DEFENCES),
        "model": one_of(*MODELS),
    }
