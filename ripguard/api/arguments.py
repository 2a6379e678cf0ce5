"""Arguments that several calls share: paths, keys, numbers."""

from __future__ import annotations

import contextlib
import functools
import inspect
import operator
import os
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from ripguard.crypto.signing import SigningKey
from ripguard.errors import KeyFileError, MissingExtra, StorageError, UsageError
from ripguard.paths import expanded
from ripguard.progress import Progress

Callback = Callable[[Progress], Any]
AnyPath = str | os.PathLike[str]
IMAGE_FORMATS = ("png", "webp")  # copies ripguard.release.record.SUFFIXES, which is slow to import; a test compares
P = ParamSpec("P")
R = TypeVar("R")


def with_home(function: Callable[P, R]) -> Callable[P, R]:
    """Decorator of all calls: replace ``~`` in each argument whose annotation has ``AnyPath``; explain a missing cache.

    Raises:
        UsageError: there is no such home folder.
        StorageError: the cache is needed and cannot be written.
    """
    signature = inspect.signature(function)
    paths = [name for name, one in signature.parameters.items() if "AnyPath" in str(one.annotation)]

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            given = signature.bind(*args, **kwargs)
        except TypeError:
            return function(*args, **kwargs)  # raises Python's own message
        for name in paths:
            value = given.arguments.get(name)
            if isinstance(value, list | tuple):
                given.arguments[name] = [expanded(one, name) for one in value]
            elif isinstance(value, str | os.PathLike):
                given.arguments[name] = expanded(value, name)
        try:
            return function(*given.args, **given.kwargs)
        except (StorageError, FileNotFoundError) as error:
            from ripguard.data.source import refused_cache

            raise refused_cache(error) from error.__cause__

    return call


def worker_count(workers: int | None) -> int:
    """Number of worker processes; None: one for each core. Raises :class:`UsageError`."""
    return whole("workers", workers, 1) or os.cpu_count() or 1


def whole(name: str, value: Any, least: int) -> int | None:
    """An integer, also from NumPy, of ``least`` or more; None stays None. Raises :class:`UsageError`."""
    if value is None:
        return None
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if isinstance(value, bool) or not least <= number < 2**63:
        raise UsageError(f"{name}: expected a whole number of {least} or more, got {value!r}")
    return number


def pixels_allowed(max_pixels: int | None) -> contextlib.AbstractContextManager[None]:
    """Context manager that accepts images of up to so many pixels; None: as before. Raises :class:`UsageError`."""
    from ripguard.images.limits import allowing

    return allowing(whole("max_pixels", max_pixels, 1))


def check_image_format(value: str) -> None:
    """Refuse a format that published images cannot have.

    Raises:
        UsageError: never; MissingExtra: not with this Pillow.
    """
    if value not in IMAGE_FORMATS:
        raise UsageError(f"image_format: expected {' or '.join(IMAGE_FORMATS)}, got {value!r}")
    if value != "png":
        from ripguard.images.formats import UPGRADE, built_in

        if not built_in(value.upper()):
            raise MissingExtra(f"this needs a Pillow that has {value}, and the installed one lacks it", UPGRADE)


def refuse_empty(**texts: Any) -> None:
    """Raise :class:`UsageError` for empty strings: an unset shell variable must not disable a check."""
    for name, value in texts.items():
        if isinstance(value, str | os.PathLike) and not os.fspath(value):
            raise UsageError(f"{name}: expected a value, got an empty one", "is a variable unset?")


def opened(key: Any) -> tuple[Any, str | None]:
    """The key, and the path it was read from, if any.

    Raises:
        KeyFileError: neither a key nor the path of a key file, or the file cannot be used.
    """
    from ripguard.release.find import read_key

    if isinstance(key, str | os.PathLike):
        path = os.fspath(key)
        return read_key(path), None if path == "-" else path
    if not hasattr(key, "image_keys"):
        raise KeyFileError(f"key: expected a Key or the path of a key file, got {type(key).__name__}")
    file = getattr(key, "file", None)
    return key, os.fspath(file) if file else None


def signing_key_of(given: SigningKey | AnyPath | None, key_file: str | None) -> tuple[SigningKey | None, str | None]:
    """The signing key and the path of its file; by default ``<key file>.sign``, if it exists."""
    if isinstance(given, SigningKey):
        return given, None
    file = os.fspath(given) if given else f"{key_file}.sign" if key_file else None
    if file is None or (not given and not os.path.exists(file)):
        return None, None
    return SigningKey.read(file), None if file == "-" else file
