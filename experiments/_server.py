"""A server on a core of its own, and connections that call it: parts of `experiments/platform_load.py`."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from ripguard.crypto.keys import Key
from ripguard.errors import StorageError
from ripguard.platform.client import Client
from ripguard.platform.clock import DAY
from ripguard.platform.profiles import token_of

TICKS = os.sysconf("SC_CLK_TCK")


class Served:
    """`ripguard serve` on one core, with an owner.

    Args:
        place: folder of the platform.
        core: number of the core that server and worker share.
    """

    def __init__(self, place: Path, core: int) -> None:
        command = [sys.executable, "-m", "ripguard", "serve", "--data", str(place), "--port", "0", "--workers", "1"]
        self._process = subprocess.Popen(["taskset", "-c", str(core), *command, "--json"], stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        about = json.loads(self._process.stdout.readline())
        self.url, self._users = about["address"], 0
        self._admin = Client(self.url, token_of(Path(about["token_file"])))
        self._owner = Client(self.url, self._account("owner", "owner"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._owner, self._admin):
            one.close()
        self._process.terminate()
        self._process.wait()

    def _account(self, name: str, role: str) -> str:
        made = self._admin.call("POST", "/v1/accounts", {"name": name, "role": role})
        return str(self._admin.call("POST", "/v1/tokens", {"account": made["id"], "life": DAY})["token"])

    def deposit(self, release: Path, key: Path) -> str:
        """A dataset with a release; returns its id."""
        made = self._owner.call("POST", "/v1/datasets", {"name": "load"})["id"]
        self._owner.deposit(made, release, Key.read(key))
        return str(made)

    def user(self, dataset: str) -> str:
        """The token of a new account that may restore a dataset."""
        self._users += 1
        body = {"account": f"user{self._users}", "ends_at": int(time.time()) + DAY}
        return str(self._owner.call("POST", f"/v1/datasets/{dataset}/invitations", body)["token"])

    @property
    def _pids(self) -> list[int]:
        """Server and worker."""
        own = self._process.pid
        children = "".join(one.read_text() for one in Path(f"/proc/{own}/task").glob("*/children"))
        return [own, *map(int, children.split())]

    @property
    def processor_time(self) -> float:
        """Seconds that server and worker used so far."""
        fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self._pids]
        return sum(int(one[11]) + int(one[12]) for one in fields) / TICKS

    @property
    def memory(self) -> float:
        """Resident MiB of server and worker now."""
        found = 0
        for pid in self._pids:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            found += next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
        return round(found / 1024, 1)


@dataclass
class Measured:
    """Seconds that each call took, and all of them together."""

    took: list[float] = field(default_factory=list)
    elapsed: float = 0.0


def connections(url: str, path: str, tokens: Sequence[str], seconds: float) -> Measured:
    """Call a path by as many connections as there are tokens, each again as soon as it has its answer."""
    until = time.perf_counter() + seconds
    return _together(url, path, tokens, lambda number, count: 0.0 if time.perf_counter() < until else None)


def paced(url: str, path: str, tokens: Sequence[str], seconds: float, rate: float) -> Measured:
    """The same with a fixed number of calls a second: a call is late from when it should have begun."""
    began, each = time.perf_counter() + 0.5, len(tokens) / rate

    def due(number: int, count: int) -> float | None:
        after = number / rate + count * each
        return began + after if after < seconds else None

    return _together(url, path, tokens, due)


def _together(url: str, path: str, tokens: Sequence[str], due: Callable[[int, int], float | None]) -> Measured:
    """Run a thread for each token. ``due``: when its next call begins, 0 for now, None for never."""
    found, failed = Measured(), list[str]()

    def work(number: int, token: str) -> None:
        parts, own, count = urlsplit(url), list[float](), 0
        headers = {"Authorization": f"Bearer {token}"}
        with contextlib.closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)) as one:
            while (when := due(number, count)) is not None:
                count += 1
                if when and (left := when - time.perf_counter()) > 0:
                    time.sleep(left)
                start = when or time.perf_counter()
                one.request("GET", path, headers=headers)
                answer = one.getresponse()
                answer.read()
                if answer.status != 200:
                    failed.append(f"status {answer.status}")
                    return
                own.append(time.perf_counter() - start)
        found.took += own

    threads = [threading.Thread(target=work, args=one) for one in enumerate(tokens)]
    began = time.perf_counter()
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    found.elapsed = time.perf_counter() - began
    if failed:
        raise StorageError(f"{len(failed)} connections ended: {failed[0]}")
    return found


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that so many percent of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
