"""The rows of an audit, kept in a file of JSON lines, so that the same command goes on where it was stopped."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from ripguard.benchmark.audit.result import Row
from ripguard.errors import OutputRefused, StorageError
from ripguard.files import NotRegular, TooLarge, read_regular
from ripguard.release.find import find_release
from ripguard.store.atomic import write_file

NAME = "rows.jsonl"
MOST_BYTES = 1 << 22


class Ledger:
    """The folder of an audit. The first line of its file has what all rows share.

    Args:
        folder: made when the first row is added.
        identity: release and options; a folder of another audit is refused.

    Attributes:
        facts: what was chosen for the first row, such as the number of images; None before.
        rows: models so far.

    Raises:
        OutputRefused: the folder lies in a release, has other files, or is that of another audit.
    """

    def __init__(self, folder: Path, identity: dict[str, Any]) -> None:
        self.folder, self.identity = folder, json.loads(json.dumps(identity))
        self.facts: dict[str, Any] | None = None
        self.rows: list[Row] = []
        if root := find_release(folder):
            raise OutputRefused(f"{folder} lies inside the release {root}", "choose --out outside of what you publish")
        try:
            lines = [json.loads(line) for line in read_regular(folder / NAME, MOST_BYTES).decode().splitlines()]
            head, self.rows = lines[0], [Row(**line) for line in lines[1:]]
            self.facts = head["facts"]
            same = head["identity"] == self.identity
        except FileNotFoundError:
            if folder.exists() and any(folder.iterdir()):
                raise OutputRefused(f"{folder} exists and is not an empty folder", "choose another --out") from None
            return
        except (NotADirectoryError, NotRegular, TooLarge, ValueError, TypeError, KeyError, IndexError):
            raise OutputRefused(f"{folder / NAME} has no rows of an audit", "choose another --out") from None
        except OSError as error:
            raise StorageError(f"cannot read {folder / NAME}: {error.strerror}", "check its permissions") from None
        if not same:
            raise OutputRefused(
                f"{folder} has the audit of another release, or one with other options", "choose another --out"
            )

    def begin(self, facts: dict[str, Any]) -> None:
        """Keep what all rows share."""
        self.facts = facts
        self._write()

    def add(self, row: Row) -> None:
        """Keep a row."""
        self.rows.append(row)
        self._write()

    def _write(self) -> None:
        lines = [{"identity": self.identity, "facts": self.facts}, *map(dataclasses.asdict, self.rows)]
        write_file(self.folder / NAME, "".join(json.dumps(line) + "\n" for line in lines).encode())
