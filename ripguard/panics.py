"""What a library written in Rust ends in when it is given what it did not expect: neither refusal nor crash."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


def is_panic(error: BaseException) -> bool:
    """Whether an error is a panic of such a library: a BaseException by design, whose type has no public name."""
    return type(error).__name__ == "PanicException"


@contextlib.contextmanager
def refused_as(kind: type[Exception], sentence: str) -> Iterator[None]:
    """Around a call of ``constriction``'s decoders: what they raise on bytes that no encoder made becomes ``kind``."""
    try:
        yield
    except BaseException as error:
        if isinstance(error, AssertionError) or is_panic(error):
            raise kind(sentence) from None
        raise
