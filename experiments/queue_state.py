"""The state of a training queue on disk, for `experiments/victims.py`: notes beside its releases and rows."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ripguard.benchmark.queue import Row
from ripguard.errors import OutputRefused
from ripguard.store.atomic import lock, write_file
from ripguard.train.protocols import PROTOCOLS

LOOKS = "looks.json"  # in a release's folder: it was restored and measured
DONE, REFUSED = "done.json", "refused.json"  # in a row's folder
NOW = "now.json"  # in the work folder: the row that is worked on; in a release's: how far it is


@dataclass(frozen=True)
class Release:
    """The release that a row's options of ``ripguard protect`` make.

    Attributes:
        place: its folder, the same for all rows with the same options.
        own: arguments of :func:`ripguard.api.protect`.
        lossy: whether restored images need not equal the clean ones.
    """

    place: Path
    dataset: str
    own: dict[str, Any]
    lossy: bool

    @property
    def protected(self) -> Path:
        return self.place / "protected"

    @property
    def restored(self) -> Path:
        return self.place / "restored"


def note(path: Path, what: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, (json.dumps(what) + "\n").encode())


def show(rows: list[Row], releases: list[Release], work: Path, as_json: bool) -> None:
    """The state of every row: done, refused, running, begun (nothing runs now), waiting."""
    now = known(work / NOW).get("row") if at_work(work / "lock") else None
    found = []
    for row, release in zip(rows, releases):
        folder = work / "rows" / row.slug
        done, refused = known(folder / DONE), known(folder / REFUSED)
        logs = list((folder / "logs").glob("*.jsonl"))
        epochs = {"epoch": len(logs[0].read_text().splitlines()) if logs else 0}
        epochs |= {"epochs": row.epochs or PROTOCOLS[row.protocol].epochs}
        if done:
            state = {"state": "done"} | done
        elif row.slug == now:
            state = {"state": "running"} | epochs
            if not (release.place / LOOKS).exists() and (row.split != "clean" or epochs["epoch"] == epochs["epochs"]):
                state |= {"release": known(release.place / NOW)}
        elif refused:
            state = {"state": "refused"} | refused
        else:
            begun = (folder / "victim").is_dir() and any((folder / "victim").iterdir())
            state = {"state": "begun"} | epochs if begun else {"state": "waiting"}
        found.append({"line": row.line} | row.about | state)
    if as_json:
        print(json.dumps(found, indent=1))
        return
    for row, one in zip(rows, found):
        about = " ".join(f"{name}={shlex.quote(str(value))}" for name, value in row.about.items())
        print(f"{row.line:4}  {in_words(one):44}  {about}")


def in_words(one: dict[str, Any]) -> str:
    if one["state"] == "done":
        return f"done: {one.get('test_acc', one.get('test_accuracy')):.2f} %, {one['recorded']}"
    if one["state"] == "refused":
        return f"refused: {one['message']}"
    if step := one.get("release"):
        return f"{one['state']}: {step['stage']}, {step['done']} of {step['total']}"
    return one["state"] + (f": epoch {one['epoch']} of {one['epochs']}" if "epoch" in one else "")


def known(path: Path) -> dict[str, Any]:
    """Content of a note, {} if there is none."""
    return json.loads(path.read_text()) if path.exists() else {}


def at_work(place: Path) -> bool:
    """Whether another process holds the queue."""
    if not place.exists():
        return False
    try:
        with lock(place):
            return False
    except OutputRefused:
        return True
