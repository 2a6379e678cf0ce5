"""What a library written in Rust ends in when it is given what it did not expect: neither refusal nor crash."""

from __future__ import annotations


def is_panic(error: BaseException) -> bool:
    """Whether an error is a panic of such a library: a BaseException by design, whose type has no public name."""
    return type(error).__name__ == "PanicException"
