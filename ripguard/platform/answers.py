"""Answers of a platform, as its client reads them: refusals as exceptions, archives as images."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import httpx

from ripguard.errors import Damaged, RipguardError, StorageError, UsageError
from ripguard.platform import errors as _errors
from ripguard.platform.restoring.checker import Checker
from ripguard.platform.restoring.reasons import Reason


@dataclass(frozen=True)
class Image:
    """A restored image.

    Attributes:
        upload: its name in the upload.
        name: the same, with the suffix of the restored file.
        home, source: path of the protected image in its release, and of the file in the source; "" if unknown.
    """

    upload: str
    name: str
    data: bytes
    home: str
    source: str
    exact: bool


@dataclass(frozen=True)
class Missing:
    """An image that was not restored; ``reason`` is a word of :class:`ripguard.platform.restoring.reasons.Reason`."""

    upload: str
    reason: str
    message: str
    hint: str


class network:
    """Errors of the network as :class:`StorageError`."""

    def __init__(self, server: str) -> None:
        self.server = server

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
            raise StorageError(f"{self.server} ended the connection", "try again") from None
        if isinstance(error, httpx.HTTPError | httpx.InvalidURL):
            raise StorageError(f"{self.server} cannot be reached: {error}", "is it running?") from None


def images_of(answer: httpx.Response, signer: str = "") -> Iterator[Image | Missing]:
    """What an archive holds, after all of it was compared with its list.

    Args:
        signer: public key in hex that must have signed the list; "": any, or none.
    """
    if answer.status_code != 200:
        answer.read()
        refuse(answer)
    checker = Checker(answer.iter_bytes())
    came = {one.name: one.data for one in checker}
    result = checker.result
    if result is None:
        raise Damaged("the download has no list", "download it again")
    if signer and result.public != signer:
        raise Damaged(
            f"the results are {'signed by another key' if result.public else 'not signed'}",
            "ask the owner of the dataset whether the platform has changed",
        )
    for row in result.images:
        if "reason" in row:
            yield Missing(row["upload"], row["reason"], row["message"], row["hint"])
        else:
            yield Image(row["upload"], row["name"], came[row["name"]], row["home"], row["source"], row["exact"])
    if result.reason == Reason.ENDED:
        raise _errors.Absent(f"the server ended the restoration: {result.error}", "ask the owner of the dataset")
    if result.error:
        raise StorageError(f"the server ended the restoration: {result.error}", "restore what is missing again")


def _kinds() -> dict[str, type[RipguardError]]:
    found, left = dict[str, type[RipguardError]](), [RipguardError]
    while left:
        kind = left.pop()
        found.setdefault(kind.code, kind)
        left += kind.__subclasses__()
    return found


def refuse(answer: httpx.Response) -> None:
    """Raise what an answer refuses."""
    if answer.is_success:
        return
    try:
        about = answer.json()
        code, message, hint = (str(about[name]) for name in ("error", "message", "hint"))
    except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError):
        raise StorageError(f"the server answered with status {answer.status_code}", "is it a platform?") from None
    if code == _errors.LimitReached.code:
        wait = answer.headers.get("Retry-After", "0")
        raise _errors.LimitReached(message, hint, int(wait) if wait.isdecimal() else 0)
    if answer.status_code == 409:
        raise _errors.Conflict(message, hint)
    if answer.status_code >= 500:
        raise StorageError(message, hint)
    raise _kinds().get(code, UsageError)(message, hint)
