"""A client of the platform."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx

from ripguard.crypto.keys import Key
from ripguard.errors import UsageError
from ripguard.platform import errors as _errors
from ripguard.platform.answers import Image, Missing, images_of, network, refuse
from ripguard.platform.deposits.packing import packed
from ripguard.platform.profiles import Profile, is_loopback
from ripguard.platform.uploads import tar_of
from ripguard.release.manifest import Release

BATCH_IMAGES, BATCH_BYTES = 1024, 1 << 25  # of one request
TIMEOUT = httpx.Timeout(30.0, read=600.0, write=600.0)  # seconds


class Client:
    """Calls a platform with one token. Use it as a context manager.

    Args:
        server: address, ``https://…``; ``http://…`` for this machine alone.
        token: it is sent in a header, and is in no message.
        transport: of httpx, for another way to the server.
        signer: public key of the platform in hex; results by another one, or not signed, are refused. "": any.

    Raises:
        UsageError: an address to which a token would travel unencrypted.
    """

    def __init__(self, server: str, token: str, transport: httpx.BaseTransport | None = None, signer: str = "") -> None:
        parts = urlsplit(server)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise UsageError(f"server: expected an address such as https://data.example.org, got {server!r}")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise UsageError(f"server {server}: the token would cross the network unencrypted", "use https")
        self.server, self.signer = server.rstrip("/"), signer
        headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
        # no settings of the environment: a netrc file must not replace the token
        self._http = httpx.Client(
            base_url=self.server, headers=headers, timeout=TIMEOUT, transport=transport, trust_env=False
        )

    @classmethod
    def of(cls, profile: Profile) -> Self:
        """A client for a profile."""
        return cls(profile.server, profile.token, signer=profile.signer)

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
        with network(self.server):
            wanted = {name: value for name, value in query.items() if value is not None}
            answer = self._http.request(verb, path, params=wanted, json=body)
        refuse(answer)
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

    def log_head(self) -> dict[str, Any]:
        """The end of the audit log, signed now, for an auditor to keep."""
        return self.call("GET", "/v1/audit/head")

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

        with network(self.server):
            answer = self._http.post(
                f"/v1/datasets/{quoted(dataset)}/deposit",
                content=body(),
                headers={"Content-Type": "application/octet-stream"},
            )
        refuse(answer)
        return answer.json()

    def unit_keys(self, dataset: str, version: int | None = None) -> dict[str, Any]:
        """Keys of the units that a grant of keys opens; ``key_file`` is the text of a key file, to be kept secret.

        They cannot be revoked. Raises :class:`Absent` without such a grant.

        Args:
            version: of the dataset; None for the newest.
        """
        return self.call("POST", f"/v1/datasets/{quoted(dataset)}/unit-keys", {"version": version})

    def restore(self, dataset: str, images: Iterable[tuple[str, bytes]]) -> Iterator[Image | Missing]:
        """Restore images, in their order, in several requests where there are many.

        Every image of a request is compared with the list at the end of the answer before any of them is given.

        Args:
            images: name and content of each; names are relative paths, each once.

        Raises:
            Absent, LimitReached, SignInFailed, InputRefused: the server refuses all of a request.
            Damaged: an answer was cut off or changed, or is not signed by the platform.
            StorageError: the server cannot be reached, or stopped before the end.
        """
        for batch in _batches(images):
            yield from self._restored(dataset, batch)

    def _restored(self, dataset: str, batch: list[tuple[str, bytes]]) -> Iterator[Image | Missing]:
        with (
            network(self.server),
            self._http.stream(
                "POST", f"/v1/datasets/{quoted(dataset)}/restore", content=tar_of(batch), params={"format": "tar"},
                headers={"Content-Type": "application/x-tar"},
            ) as answer,
        ):  # fmt: skip
            yield from images_of(answer, self.signer)

    def create_job(self, dataset: str, key: str, images: Iterable[tuple[str, bytes]]) -> dict[str, Any]:
        """Upload images to be restored later; the same key again gives the same job."""
        with network(self.server):
            answer = self._http.post(
                f"/v1/datasets/{quoted(dataset)}/jobs", content=tar_of(images), headers={"Idempotency-Key": key}
            )
        refuse(answer)
        return answer.json()

    def job_result(self, job: str) -> Iterator[Image | Missing]:
        """Results of a job that ended, as :meth:`restore` gives them."""
        with network(self.server), self._http.stream("GET", f"/v1/jobs/{quoted(job)}/result") as answer:
            yield from images_of(answer, self.signer)

    def export_log(self, dataset: str | None = None, after: int = 0) -> Iterator[str]:
        """Lines of the audit log."""
        query = {"after": after} | ({"dataset": dataset} if dataset else {})
        with network(self.server), self._http.stream("GET", "/v1/audit", params=query) as answer:
            if answer.status_code != 200:
                answer.read()
                refuse(answer)
            yield from answer.iter_lines()


def quoted(part: str) -> str:
    """An id as a part of a path."""
    return quote(part, safe="")


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
