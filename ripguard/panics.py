"""Convert panics of libraries in Rust, which are not subclasses of ``Exception``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


def is_panic(error: BaseException) -> bool:
    """Whether an error is a panic of a Rust library. Its type is a BaseException without a public name."""
    return type(error).__name__ == "PanicException"


@contextlib.contextmanager
def refused_as(kind: type[Exception], sentence: str) -> Iterator[None]:
    """Context manager for decoders of ``constriction``: raise ``kind`` for bytes that they cannot decode."""
    try:
        yield
    except BaseException as error:
        if isinstance(error, AssertionError) or is_panic(error):
            raise kind(sentence) from None
        raise
