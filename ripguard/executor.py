"""Where work is done: tasks that are pure functions of an item and a context, on processes of this machine or others.

What a task needs beside its item, a key, a release, a model, is its context: it is made once in each process, by a call
that can be pickled, and is gone when the work is done.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pickle
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, Protocol

from ripguard.errors import StorageError, UsageError, as_refusal, out_of_memory
from ripguard.memory import no_core_dumps

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # what numerical libraries read at start

Task = Callable[[Any, Any], Any]  # context, item → result; importable by name
Context = Callable[[], Any]


class Executor(Protocol):
    """Anything that can map a task over items, and keeps their order.

    Attributes:
        workers: how many tasks may run at once.
    """

    @property
    def workers(self) -> int: ...

    def map(self, task: Task, items: Iterable[Any], context: Context | None = None, chunk: int = 1) -> Iterator[Any]:
        """Results of ``task(context(), item)``, in the order of the items.

        Args:
            task: importable by name, or a partial of such.
            context: called once in each process; None: the task gets None.
            chunk: items that are sent to a process at once.

        Raises:
            StorageError: a process was killed, or had too little memory.
        """
        ...


@dataclass(frozen=True)
class Local:
    """Processes of this machine; one worker is this process itself, so a plain script may call it."""

    workers: int = 1

    def map(self, task: Task, items: Iterable[Any], context: Context | None = None, chunk: int = 1) -> Iterator[Any]:
        """See :class:`Executor`. Processes are spawned, never forked: a fork would copy the threads and locks of
        numerical libraries in an unknown state.
        """
        items = list(items)
        workers = min(self.workers, len(items))
        if workers <= 1:
            built = context() if context and items else None
            yield from (task(built, item) for item in items)
            return
        try:
            with _one_thread_each(), ProcessPoolExecutor(workers, get_context("spawn"), _begin, (context,)) as pool:
                with _without_main():  # processes start at the first call
                    results = pool.map(functools.partial(_call, task), items, chunksize=chunk)
                yield from results
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            if "pickle" not in str(error).lower() and not isinstance(error, pickle.PicklingError):
                raise
            raise UsageError(
                f"this cannot be sent to other processes: {error}",
                "functions must be importable by name, from a module and not the script itself; or use one worker",
            ) from error
        except BrokenProcessPool:
            raise StorageError(
                "a worker process was killed, perhaps because memory ran out",
                "repeat the command, with fewer --workers if it happens again",
            ) from None


_built: Any = None  # the context of this process
_failed: BaseException | None = None  # why it could not be made


def _begin(context: Context | None) -> None:
    global _built, _failed
    no_core_dumps()  # it may hold subkeys
    try:
        _built = context() if context else None
    except Exception as error:  # raised at the first call, where it reaches the caller
        _failed = error


def _call(task: Task, item: Any) -> Any:
    try:
        if _failed:
            raise _failed
        return task(_built, item)
    except Exception as error:
        if out_of_memory(error) and (refusal := as_refusal(error)):  # small enough for the way back
            raise refusal from None
        raise


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Processes that are spawned meanwhile do not run the caller's script once more.

    They need nothing of it, and a plain script, without a guard round what it does, may then use several processes.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes that are spawned meanwhile compute on one thread each, unless the user said otherwise."""
    missing = [name for name in THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(missing, "1"))
    try:
        yield
    finally:
        for name in missing:
            os.environ.pop(name, None)
