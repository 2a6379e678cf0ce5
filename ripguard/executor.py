"""Run tasks in parallel: pure functions of an item and a context, in processes of this machine or elsewhere.

The context holds what a task needs besides its item, such as a key, a release or a model. Each process creates it once,
by calling a picklable function, and frees it after the last task.
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
from ripguard.systems import MOST_PROCESSES

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # read by numerical libraries at import

Task = Callable[[Any, Any], Any]  # context, item → result; importable by name
Context = Callable[[], Any]


class Executor(Protocol):
    """Maps a task over items and keeps their order.

    Attributes:
        workers: number of tasks that may run at once.
    """

    @property
    def workers(self) -> int: ...

    def map(self, task: Task, items: Iterable[Any], context: Context | None = None, chunk: int = 1) -> Iterator[Any]:
        """Results of ``task(context(), item)``, in the order of the items.

        Args:
            task: importable by name, or a partial of such a function.
            context: called once in each process; None: the task gets None.
            chunk: number of items that are sent to a process at once.

        Raises:
            StorageError: a process was killed, or ran out of memory.
        """
        ...


@dataclass(frozen=True)
class Local:
    """Processes of this machine. A single worker is the calling process itself."""

    workers: int = 1

    def map(self, task: Task, items: Iterable[Any], context: Context | None = None, chunk: int = 1) -> Iterator[Any]:
        """See :class:`Executor`. Processes are spawned: a fork would copy locks of numerical libraries in an unknown
        state.

        Raises:
            UsageError: the task or the context cannot be pickled.
        """
        items = list(items)
        workers = min(self.workers, len(items), MOST_PROCESSES)
        if workers <= 1:
            built = context() if context and items else None
            yield from (task(built, item) for item in items)
            return
        try:
            with _one_thread_each(), ProcessPoolExecutor(workers, get_context("spawn"), _begin, (context,)) as pool:
                with _without_main():  # map starts the processes
                    results = pool.map(functools.partial(_call, task), items, chunksize=chunk)
                yield from results
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            if "pickle" not in str(error).lower() and not isinstance(error, pickle.PicklingError):
                raise
            raise UsageError(
                f"this cannot be sent to other processes: {error}",
                "define functions in a module that can be imported, not in the script; or use one worker",
            ) from error
        except BrokenProcessPool:
            raise StorageError(
                "a worker process was killed, perhaps because memory ran out",
                "repeat the command, with fewer --workers if it happens again",
            ) from None


_built: Any = None  # context of this process
_failed: BaseException | None = None  # error of its creation


def _begin(context: Context | None) -> None:
    global _built, _failed
    no_core_dumps()  # the context may contain subkeys
    try:
        _built = context() if context else None
    except Exception as error:  # raised by the first call, to reach the caller
        _failed = error


def _call(task: Task, item: Any) -> Any:
    try:
        if _failed:
            raise _failed
        return task(_built, item)
    except Exception as error:
        if out_of_memory(error) and (refusal := as_refusal(error)):  # small enough to be pickled
            raise refusal from None
        raise


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Keep spawned processes from importing the calling script.

    A script can then use several processes without a guard for ``__main__``.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let spawned processes use one thread each, unless the environment sets another number."""
    missing = [name for name in THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(missing, "1"))
    try:
        yield
    finally:
        for name in missing:
            os.environ.pop(name, None)
