"""One way to spread work over processes; with one worker it stays in this process, so a plain script can call it."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any

from ripguard.errors import StorageError, as_refusal, out_of_memory
from ripguard.memory import no_core_dumps

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # what numerical libraries read at start


def spread(
    function: Callable[..., Any],
    *arguments: Iterable[Any],
    workers: int = 1,
    chunk: int = 1,
    start: Callable[..., None] | None = None,
    given: tuple[Any, ...] = (),
) -> Iterator[Any]:
    """``map(function, *arguments)`` over ``workers`` processes, results in order.

    Args:
        function: importable by name; so is ``start``.
        chunk: calls sent to a process at once.
        start: called once in each process, with ``given``, before anything else. Processes are spawned, never forked:
            a fork would copy the threads and locks of numerical libraries in an unknown state.

    Raises:
        StorageError: a process was killed, or had too little memory.
    """
    if workers <= 1:
        if start:
            start(*given)
        yield from map(function, *arguments)
        return
    try:
        with _one_thread_each(), ProcessPoolExecutor(workers, get_context("spawn"), _begin, (start, given)) as pool:
            with _without_main():  # processes start at the first call
                results = pool.map(functools.partial(_call, function), *arguments, chunksize=chunk)
            yield from results
    except BrokenProcessPool:
        raise StorageError(
            "a worker process was killed, perhaps because memory ran out",
            "repeat the command, with fewer --workers if it happens again",
        ) from None


_failed: BaseException | None = None  # why this process could not begin


def _begin(start: Callable[..., None] | None, given: tuple[Any, ...]) -> None:
    global _failed
    no_core_dumps()  # it may hold subkeys
    try:
        if start:
            start(*given)
    except Exception as error:  # raised at the first call, where it reaches the caller
        _failed = error


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        if _failed:
            raise _failed
        return function(*arguments)
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
