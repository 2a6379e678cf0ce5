"""A worker process: confined, alone with its keys, given up when it ends, hangs or answers nonsense."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from releases import KEY, OTHER, golden

from ripguard.crypto.keys import DatasetKeys
from ripguard.errors import Damaged, NotProtected, StorageError, UsageError, WrongKey
from ripguard.platform.restoring import worker
from ripguard.platform.restoring.held import held_release
from ripguard.platform.restoring.limits import WorkerLimits
from ripguard.platform.restoring.messages import packed
from ripguard.platform.restoring.reasons import Reason
from ripguard.platform.restoring.worker import Gone, Task, Worker

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc, which Linux has")


class Clock:
    """Stands still, until it jumps after the next question."""

    def __init__(self) -> None:
        self.now, self.after = 0.0, -1

    def __call__(self) -> float:
        if self.after == 0:
            self.now += 1e9
        self.after -= 1
        return self.now


@pytest.fixture(scope="module")
def root(tmp_path_factory):  # type: ignore[no-untyped-def]
    return golden("v2-ranked", tmp_path_factory.mktemp("worker"))


@pytest.fixture
def start(root: Path) -> Iterator[Callable[..., Worker]]:
    started = list[Worker]()

    def started_by(ring: object = KEY, clock: Clock | None = None, place: Path = root) -> Worker:
        started.append(Worker(Task(place, ring, WorkerLimits()), clock or Clock()))  # type: ignore[arg-type]
        return started[-1]

    yield started_by
    for one in started:
        one.close()


def image(root: Path) -> bytes:
    return (root / held_release(root).rows[0]["path"]).read_bytes()


@LINUX
def test_confined(start, root, monkeypatch):  # type: ignore[no-untyped-def]
    """No key in arguments or variables; no secret of the server; no file, socket or core; little memory."""
    monkeypatch.setenv("SOME_PASSWORD", "of the server")
    keys: DatasetKeys = KEY.dataset(held_release(root).dataset_id)
    one = start(keys)
    process = Path(f"/proc/{one.pid}")
    limits = {line[:26].strip(): line[26:].split()[:2] for line in (process / "limits").read_text().splitlines()}
    for name in ("Max core file size", "Max open files", "Max file size"):
        assert limits[name] == ["0", "0"], name
    assert int(limits["Max address space"][0]) < 5 << 30
    assert keys.secret.hex() not in (process / "cmdline").read_text()
    if os.access(process / "environ", os.R_OK):  # of root alone, as the process lets nobody look into it
        variables = (process / "environ").read_bytes()
        assert b"PASSWORD" not in variables
        assert keys.secret not in variables
        assert keys.secret.hex().encode() not in variables
        opened = [os.readlink(file) for file in (process / "fd").iterdir()]
        known = [one for one in opened if one.startswith("socket:") or one == "/dev/null" or one.startswith(str(root))]
        assert (sorted(opened), sum(one.startswith("socket:") for one in opened)) == (sorted(known), 1)
    os.kill(one.pid, signal.SIGTERM)  # as a service manager sends it to all processes of a server
    head, (data,) = one.restore(["a.png"], [image(root)])
    assert (head["results"][0]["suffix"], data[:4]) == (".png", b"\x89PNG")


def test_killed(start, root):  # type: ignore[no-untyped-def]
    """Before a batch, or while it works; it is reaped."""
    one = start()
    os.kill(one.pid, signal.SIGSTOP)
    os.kill(one.pid, signal.SIGKILL)
    with pytest.raises(Gone) as caught:
        one.restore(["a.png"], [image(root)])
    assert caught.value.reason is Reason.DIED
    with pytest.raises(ProcessLookupError):
        os.kill(one.pid, 0)


def test_hanging(start, root):  # type: ignore[no-untyped-def]
    """A process that uses no processor time is given up by the clock, which the test turns."""
    clock = Clock()
    one = start(clock=clock)
    os.kill(one.pid, signal.SIGSTOP)
    clock.after = 1
    with pytest.raises(Gone) as caught:
        one.restore(["a.png"], [image(root)])
    assert caught.value.reason is Reason.TIME
    with pytest.raises(ProcessLookupError):
        os.kill(one.pid, 0)


def test_it_ends_with_the_server(start):  # type: ignore[no-untyped-def]
    """A server that is killed closes its end, and leaves no process with keys behind. What else answers is checked."""
    one = start()
    one._socket.close()
    assert one._process.wait(60) == 0
    answers_of_nonsense(one)


def test_errors_of_the_release(start, tmp_path):  # type: ignore[no-untyped-def]
    with pytest.raises(WrongKey, match="wrong key"):
        start(OTHER)
    with pytest.raises(NotProtected, match="is not a protected release"):
        start(place=tmp_path)
    broken = golden("v2-seal", tmp_path)
    (broken / "release.ripguard").write_bytes((broken / "release.ripguard").read_bytes()[:-9])
    with pytest.raises(Damaged, match="cut off"):
        start(place=broken)


def test_a_system_without_limits(start, monkeypatch):  # type: ignore[no-untyped-def]
    """Nor one that starts no process: a sentence each."""
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/nowhere/python")
        with pytest.raises(StorageError, match="could not be started: No such file"):
            start()
    monkeypatch.setattr(worker, "can_confine", lambda: False)
    with pytest.raises(UsageError, match="on this system"):
        start()


GOOD = {"suffix": ".png", "home": "a", "source": "a", "unit": 0, "exact": True}
REFUSED = {"reason": "tampered", "message": "x", "hint": ""}
ANSWERS = [
    {"results": [GOOD], "seconds": 0.0}, {"results": [REFUSED] * 2, "seconds": 0.0}, {"results": [], "seconds": 0.0},
    {"results": [GOOD, REFUSED | {"reason": "because"}], "seconds": 0.0}, {"results": [GOOD, GOOD], "seconds": 0.0},
    {"results": [GOOD, REFUSED]}, {"results": [GOOD | {"unit": "0"}, REFUSED], "seconds": 0.0},
    {"results": [GOOD | {"suffix": "/../x"}, REFUSED], "seconds": 0.0},
    {"results": [GOOD | {"more": 1}, REFUSED], "seconds": 0.0}, {"results": "ab", "seconds": 0.0}, {"memory": True},
    {"results": [GOOD, None], "seconds": 0.0}, {"results": [GOOD, REFUSED | {"reason": []}], "seconds": 0.0},
]  # fmt: skip


def answers_of_nonsense(one: Worker) -> None:
    """A process that was taken over may answer anything: it is given up, and nothing of the answer is used."""
    for answer in ANSWERS:
        one._socket, taken = socket.socketpair()
        with taken:
            taken.sendall(b"".join(packed(answer, [b"bytes"])))
            with pytest.raises(Gone) as caught:
                one.restore(["a.png", "b.png"], [b"", b""])
            assert caught.value.reason is (Reason.MEMORY if "memory" in answer else Reason.DIED)
    one._socket, taken = socket.socketpair()
    with taken:
        taken.sendall(b"\xff" * 99)
        with pytest.raises(Gone):
            one.restore(["a.png"], [b""])
    one._socket, taken = socket.socketpair()
    with taken:
        taken.sendall(b"".join(packed({"results": [GOOD, REFUSED], "seconds": 0.0}, [b"bytes"])))
        assert one.restore(["a.png", "b.png"], [b"", b""])[1] == [b"bytes"]
        one._socket.close()


def test_samples(root, start):  # type: ignore[no-untyped-def]
    """Digests of what can be read, with gray as RGB, too; an answer of another form ends the process."""
    one = image(root)
    found, seconds = start().samples([one, b"no image", b""])
    assert held_release(root).rows[0]["pixels"] in [digest.hex() for digest in found[0]]
    assert found[1:] == [[], []]
    assert seconds >= 0
    good = ["0" * 64]
    for answer in ([good], [good, [1]], [good, ["0" * 63]], [good, good * 3], {}, None):
        assert not worker._are_digests(answer, 2)
    assert worker._are_digests([good, []], 2)
