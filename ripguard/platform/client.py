"""A client of the platform."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import quote, urlsplit

import httpx

from ripguard.crypto.keys import Key
from ripguard.errors import Damaged, RipguardError, StorageError, UsageError
from ripguard.platform import errors as _errors
from ripguard.platform.deposits.packing import packed
from ripguard.platform.profiles import Profile
from ripguard.platform.restoring.checker import Checker
from ripguard.platform.uploads import tar_of
from ripguard.release.manifest import Release

BATCH_IMAGES, BATCH_BYTES = 1024, 1 << 25  # of one request
TIMEOUT = httpx.Timeout(30.0, read=600.0, write=600.0)  # seconds


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


class Client:
    """Calls a platform with one token. Use it as a context manager.

    Args:
        server: address, ``https://…``; ``http://…`` for this machine alone.
        token: it is sent in a header, and is in no message.
        transport: of httpx, for another way to the server.

    Raises:
        UsageError: an address to which a token would travel unencrypted.
    """

    def __init__(self, server: str, token: str, transport: httpx.BaseTransport | None = None) -> None:
        parts = urlsplit(server)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise UsageError(f"server: expected an address such as https://data.example.org, got {server!r}")
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise UsageError(f"server {server}: the token would cross the network unencrypted", "use https")
        self.server = server.rstrip("/")
        headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
        # no settings of the environment: a netrc file must not replace the token
        self._http = httpx.Client(
            base_url=self.server, headers=headers, timeout=TIMEOUT, transport=transport, trust_env=False
        )

    @classmethod
    def of(cls, profile: Profile) -> Self:
        """A client for a profile."""
        return cls(profile.server, profile.token)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def call(self, verb: str, path: str, body: object = None, **query: Any) -> Any:
        """The answer of a route: a JSON value, or None.

        Args:
            path: such as ``/v1/me``; parts that are ids go through :func:`quoted`.
            body: a JSON value; None for no body.

        Raises:
            RipguardError: what the server refuses, as the class that its code names.
            StorageError: the server cannot be reached, or fails.
        """
        with _network(self.server):
            wanted = {name: value for name, value in query.items() if value is not None}
            answer = self._http.request(verb, path, params=wanted, json=body)
        _refuse(answer)
        return answer.json() if answer.content else None

    def all(self, path: str, name: str, **query: Any) -> Iterator[dict[str, Any]]:
        """All objects of a list, page by page."""
        offset: int | None = 0
        while offset is not None:
            page = self.call("GET", path, offset=offset, limit=200, **query)
            yield from page[name]
            offset = page["next"]

    def me(self) -> dict[str, Any]:
        """Who calls."""
        return self.call("GET", "/v1/me")

    def dataset_named(self, name: str) -> dict[str, Any]:
        """A dataset by its id, or by the name of an own one. Raises :class:`Absent`."""
        if name.startswith("ds_"):
            return self.call("GET", f"/v1/datasets/{quoted(name)}")
        found = [one for one in self.all("/v1/datasets", "datasets") if one["name"] == name]
        if len(found) > 1:
            raise UsageError(f"dataset {name}: several have this name", "name its id")
        if not found:
            raise _errors.Absent.of("dataset")
        return found[0]

    def deposit(self, dataset: str, release: Path, key: Key) -> dict[str, Any]:
        """Deposit a release; the key of this release alone is sent, never the owner's key.

        Args:
            dataset: id of an own dataset.
        """
        secret = key.dataset(Release.open(release).dataset_id).secret

        def body() -> Iterator[bytes]:
            yield secret
            yield from packed(release)

        with _network(self.server):
            answer = self._http.post(
                f"/v1/datasets/{quoted(dataset)}/deposit",
                content=body(),
                headers={"Content-Type": "application/octet-stream"},
            )
        _refuse(answer)
        return answer.json()

    def restore(self, dataset: str, images: Iterable[tuple[str, bytes]]) -> Iterator[Image | Missing]:
        """Restore images, in their order, in several requests where there are many.

        Every image of a request is compared with the list at the end of the answer before any of them is given.

        Args:
            images: name and content of each; names are relative paths, each once.

        Raises:
            Absent, LimitReached, SignInFailed, InputRefused: the server refuses all of a request.
            Damaged: an answer was cut off or changed.
            StorageError: the server cannot be reached, or stopped before the end.
        """
        for batch in _batches(images):
            yield from self._restored(dataset, batch)

    def _restored(self, dataset: str, batch: list[tuple[str, bytes]]) -> Iterator[Image | Missing]:
        with (
            _network(self.server),
            self._http.stream(
                "POST", f"/v1/datasets/{quoted(dataset)}/restore", content=tar_of(batch), params={"format": "tar"},
                headers={"Content-Type": "application/x-tar"},
            ) as answer,
        ):  # fmt: skip
            if answer.status_code != 200:
                answer.read()
                _refuse(answer)
            checker = Checker(answer.iter_bytes())
            came = {one.name: one.data for one in checker}
        result = checker.result
        if result is None:
            raise Damaged("the download has no list", "download it again")
        for row in result.images:
            if "reason" in row:
                yield Missing(row["upload"], row["reason"], row["message"], row["hint"])
            else:
                own = (row["upload"], row["name"], came[row["name"]], row["home"], row["source"])
                yield Image(*own, row["exact"])
        if result.error:
            raise StorageError(f"the server ended the restoration: {result.error}", "restore what is missing again")

    def export_log(self, dataset: str | None = None, after: int = 0) -> Iterator[str]:
        """Lines of the audit log."""
        query = {"after": after} | ({"dataset": dataset} if dataset else {})
        with _network(self.server), self._http.stream("GET", "/v1/audit", params=query) as answer:
            if answer.status_code != 200:
                answer.read()
                _refuse(answer)
            yield from answer.iter_lines()


def quoted(part: str) -> str:
    """An id as a part of a path."""
    return quote(part, safe="")


Kind = Literal["tar", "zip"]


class _network:
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


def _batches(images: Iterable[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    batch, size = list[tuple[str, bytes]](), 0
    for one in images:
        if batch and (len(batch) == BATCH_IMAGES or size + len(one[1]) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += len(one[1])
    if batch:
        yield batch


def _kinds() -> dict[str, type[RipguardError]]:
    found, left = dict[str, type[RipguardError]](), [RipguardError]
    while left:
        kind = left.pop()
        found.setdefault(kind.code, kind)
        left += kind.__subclasses__()
    return found


def _refuse(answer: httpx.Response) -> None:
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
    if answer.status_code >= 500:
        raise StorageError(message, hint)
    raise _kinds().get(code, UsageError)(message, hint)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
