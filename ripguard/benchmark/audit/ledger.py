"""The rows of an audit, kept in a file of JSON lines, so that the same command goes on where it was stopped.

Rows of models of one size make a part of the file: a line with what they share, then one line each. A larger budget may
begin another part with larger models; the rows of parts before it are kept, and never compared with later ones.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ripguard.benchmark.audit.result import Row
from ripguard.errors import OutputRefused, StorageError
from ripguard.files import NotRegular, TooLarge, read_regular
from ripguard.release.find import find_release
from ripguard.store.atomic import write_file

NAME = "rows.jsonl"
MOST_BYTES = 1 << 22
RELEASE, VERSIONS = "release", "versions"  # parts of an identity


@dataclass
class Part:
    """Models of one size.

    Attributes:
        facts: what was chosen for the first of them, such as the number of images.
    """

    facts: dict[str, Any]
    rows: list[Row] = field(default_factory=list)


class Ledger:
    """The folder of an audit.

    Args:
        folder: made when the first row is added.
        identity: ``release``, ``versions`` and options, all that rows must share; a folder of another audit is refused.

    Attributes:
        parts: the models so far; those of the last part grow.

    Raises:
        OutputRefused: the folder lies in a release, has other files, or is that of another audit.
    """

    def __init__(self, folder: Path, identity: dict[str, Any]) -> None:
        self.folder, self.identity = folder, json.loads(json.dumps(identity))
        self.parts: list[Part] = []
        if root := find_release(folder):
            raise OutputRefused(f"{folder} lies inside the release {root}", "choose --out outside of what you publish")
        known: dict[str, Any] = {}
        try:
            lines = [json.loads(line) for line in read_regular(folder / NAME, MOST_BYTES).decode().splitlines()]
            known = {VERSIONS: {}} | lines[0]["identity"]
            for line in lines[1:]:
                if "facts" in line:
                    self.parts.append(Part(line["facts"]))
                else:
                    self.parts[-1].rows.append(Row(**line))
        except FileNotFoundError:
            if folder.exists() and any(folder.iterdir()):
                raise OutputRefused(f"{folder} exists and is not an empty folder", "choose another --out") from None
            return
        except (NotADirectoryError, NotRegular, TooLarge, ValueError, TypeError, KeyError, IndexError, AttributeError):
            raise OutputRefused(f"{folder / NAME} has no rows of an audit", "choose another --out") from None
        except OSError as error:
            raise StorageError(f"cannot read {folder / NAME}: {error.strerror}", "check its permissions") from None
        if other := differences(known, self.identity):
            raise OutputRefused(f"{folder} has another audit: {other[0]}", "choose another --out")
        # a library that was missing had no part in any row, and may be there now
        self.identity[VERSIONS] = {
            name: known[VERSIONS].get(name) or own for name, own in self.identity.get(VERSIONS, {}).items()
        }

    @property
    def facts(self) -> dict[str, Any] | None:
        """What the models that grow in number share; None before the first."""
        return self.parts[-1].facts if self.parts else None

    @property
    def rows(self) -> list[Row]:
        """The models that grow in number."""
        return self.parts[-1].rows if self.parts else []

    @property
    def earlier(self) -> list[Part]:
        """Models of other sizes, of smaller budgets."""
        return self.parts[:-1]

    def begin(self, facts: dict[str, Any]) -> None:
        """Begin models of another size."""
        self.parts = [part for part in self.parts if part.rows] + [Part(facts)]
        self._write()

    def add(self, row: Row) -> None:
        """Keep a row."""
        self.rows.append(row)
        self._write()

    def _write(self) -> None:
        lines: list[dict[str, Any]] = [{"identity": self.identity}]
        for part in self.parts:
            lines += [{"facts": part.facts}, *map(dataclasses.asdict, part.rows)]
        write_file(self.folder / NAME, "".join(json.dumps(line) + "\n" for line in lines).encode())


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What an audit was made with and another one is not, in words.

    A library that only one of two identities has does not count.
    """
    if old.get(RELEASE) != new.get(RELEASE):
        return ["of another release"]
    found = []
    for name in sorted((old.keys() | new.keys()) - {RELEASE, VERSIONS}):
        if old.get(name) != new.get(name):
            found.append(f"it has {name} {_shown(old.get(name))}, this one {_shown(new.get(name))}")
    for name, own in new.get(VERSIONS, {}).items():
        if own and (its := old[VERSIONS].get(name)) and its != own:
            found.append(f"it was made with {name} {its}, here is {own}")
    return found


def _shown(value: Any) -> str:
    return "not given" if value is None else str(value)
