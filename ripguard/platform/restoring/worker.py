"""A worker process that decodes and restores uploaded images, seen from the server."""

from __future__ import annotations

import contextlib
import os
import pickle
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ripguard.crypto.keys import KeyRing
from ripguard.errors import RipguardError, StorageError, UsageError
from ripguard.executor import THREADS
from ripguard.images.limits import VARIABLE
from ripguard.platform.restoring.limits import WorkerLimits
from ripguard.platform.restoring.messages import Broken, Message, packed, received
from ripguard.platform.restoring.reasons import Reason
from ripguard.systems import can_confine, ended_by_processor_time

TICK = 1.0  # seconds between two looks at the clock
MODULE = "ripguard.platform.restoring.process"
KEPT = (VARIABLE, "RIPGUARD_CRYPTO", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ")  # no secret of a server is in these

Clock = Callable[[], float]


class Gone(Exception):
    """A worker process did not answer, and is no more.

    Attributes:
        reason: why, as far as it is known.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Task:
    """What a worker process is for.

    Attributes:
        root: folder with the metadata of the release; see :func:`ripguard.platform.restoring.held.held_release`.
        ring: keys of the release, or of a part of it. They can be pickled.
        limits: of the process.
    """

    root: Path
    ring: KeyRing
    limits: WorkerLimits


class Worker:
    """A running process.

    Args:
        task: what it is for.
        clock: seconds, for :attr:`WorkerLimits.patience`.

    Attributes:
        pid: number of the process.

    Raises:
        NotProtected, Damaged, WrongKey, SignatureInvalid, StorageError: the release cannot be opened with these keys.
        UsageError: this system cannot confine processes.
    """

    def __init__(self, task: Task, clock: Clock) -> None:
        if not can_confine():
            raise UsageError("uploads cannot be restored on this system", "run the platform on Linux")
        self._limits, self._clock = task.limits, clock
        self._socket, other = socket.socketpair()
        try:
            with other:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", MODULE],
                    stdin=other.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                    env=_environment(), start_new_session=True,
                )  # fmt: skip
        except OSError as error:
            self._socket.close()
            raise StorageError(f"a process that restores could not be started: {error.strerror}") from None
        self.pid = self._process.pid
        limits, keys = task.limits, pickle.dumps(task.ring)
        first = {"root": os.fspath(task.root.absolute()), "memory": limits.memory, "seconds": limits.seconds}
        try:
            head, _ = self._exchange(packed(first, [keys]))
        except Gone as gone:
            raise StorageError(
                f"a process that restores could not be started: {gone.reason}", "is there enough memory?"
            ) from None
        if "error" in head:
            self.close()
            raise _error(head)

    def restore(self, names: Sequence[str], files: Sequence[bytes]) -> Message:
        """Results of a batch.

        Returns:
            The head ``{"results": [...], "seconds": processor time}``, and the restored files of those without
            ``reason``.

        Raises:
            Gone: the process ended, was too slow, or answered something else.
        """
        head, parts = self._exchange(packed({"names": list(names)}, files))
        if head.get("memory"):
            self.close()
            raise Gone(Reason.MEMORY)
        if not _complete(head, parts, len(names)):
            self.close()
            raise Gone(Reason.DIED)
        return head, parts

    def samples(self, files: Sequence[bytes]) -> tuple[list[list[bytes]], float]:
        """Digests of the samples of each image, and seconds of processor time. Raises :class:`Gone`."""
        head, parts = self._exchange(packed({"samples": True}, files))
        found, seconds = head.get("found"), head.get("seconds")
        if type(seconds) is not float or not _are_digests(found, len(files)) or parts:
            self.close()
            raise Gone(Reason.MEMORY if head.get("memory") else Reason.DIED)
        return [[bytes.fromhex(one) for one in some] for some in cast(list[list[str]], found)], seconds

    def close(self) -> None:
        """End the process."""
        self._socket.close()
        self._process.kill()
        self._process.wait()

    def _exchange(self, pieces: list[bytes]) -> Message:
        until = self._clock() + self._limits.patience
        try:
            for piece in pieces:
                self._send(piece, until)
            return received(lambda size: self._read(size, until), self._limits.answer_bytes)
        except (EOFError, ConnectionError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(TICK)  # otherwise it closed its end without ending
            code = self._process.poll()
            self.close()
            raise Gone(Reason.TIME if code is not None and ended_by_processor_time(code) else Reason.DIED) from None
        except TimeoutError:
            self.close()
            raise Gone(Reason.TIME) from None
        except Broken:
            self.close()
            raise Gone(Reason.DIED) from None
        except BaseException:  # the next answer would be that of this request
            self.close()
            raise

    def _send(self, piece: bytes, until: float) -> None:
        left = memoryview(piece)
        while left:
            self._wait(until)
            with contextlib.suppress(TimeoutError):
                left = left[self._socket.send(left) :]

    def _read(self, size: int, until: float) -> bytearray:
        found = bytearray()
        while len(found) < size:
            self._wait(until)
            with contextlib.suppress(TimeoutError):
                if not (piece := self._socket.recv(min(size - len(found), 1 << 20))):
                    raise EOFError
                found += piece
        return found

    def _wait(self, until: float) -> None:
        """Let the next call on the socket wait for a tick. Raises :class:`TimeoutError` if it is too late."""
        if self._clock() > until:
            raise TimeoutError
        self._socket.settimeout(TICK)


def _complete(head: dict[str, Any], parts: list[bytes], count: int) -> bool:
    """Whether an answer has what a batch of ``count`` images needs; a process that was taken over may send anything."""
    results = head.get("results")
    if (
        type(head.get("seconds")) is not float
        or not isinstance(results, list)
        or len(results) != count
        or not all(map(_is_result, results))
    ):
        return False
    return len(parts) == sum("reason" not in one for one in results)


RESULT = {"suffix": str, "home": str, "source": str, "unit": int, "exact": bool}
DIGEST = re.compile("[0-9a-f]{64}")
SUFFIX = re.compile(r"(\.[a-z0-9]{1,8})?")
REFUSAL = {"reason": str, "message": str, "hint": str}


def _is_result(one: Any) -> bool:
    if not isinstance(one, dict):
        return False
    fields = REFUSAL if "reason" in one else RESULT
    if set(one) != set(fields) or any(type(one[name]) is not kind for name, kind in fields.items()):
        return False
    if "reason" in one:
        return one["reason"] in Reason.__members__.values()
    return SUFFIX.fullmatch(one["suffix"]) is not None


def _are_digests(found: Any, count: int) -> bool:
    """Whether an answer has at most two digests for each image; a process that was taken over may send anything."""
    return (
        isinstance(found, list)
        and len(found) == count
        and all(isinstance(some, list) and len(some) <= 2 for some in found)
        and all(isinstance(one, str) and DIGEST.fullmatch(one) for some in found for one in some)
    )


def _environment() -> dict[str, str]:
    """Variables of a worker process."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    path = os.pathsep.join(os.path.abspath(one) for one in sys.path if one)
    return kept | dict.fromkeys(THREADS, "1") | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def _error(head: dict[str, Any]) -> RipguardError:
    kinds = {kind.code: kind for kind in RipguardError.__subclasses__()}
    return kinds.get(str(head["error"]), RipguardError)(str(head.get("message")), str(head.get("hint")))
