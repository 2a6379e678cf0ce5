"""Who calls, and what a new token is for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ripguard.platform.roles import Role, Scope


@dataclass(frozen=True)
class Caller:
    """Who calls, as a valid token says.

    Attributes:
        accessor: names the token.
        dataset, split, label: what the token is limited to; None: not limited.
    """

    principal: str
    role: Role
    accessor: str
    scopes: frozenset[Scope]
    dataset: str | None
    split: str | None
    label: str | None
    created_at: int
    expires_at: int


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a new token is for.

    Attributes:
        scopes: None for all that the role, or the parent, has.
        dataset, split, label: restrict it to one dataset, and to a split or a class of it.
        images: the most images that it restores.
        life: seconds; 0 for the default.
        note: what it is for, to find it in a list.
    """

    scopes: Iterable[Scope] | None = None
    dataset: str | None = None
    split: str | None = None
    label: str | None = None
    images: int | None = None
    life: int = 0
    note: str = ""


@dataclass(frozen=True)
class Issued:
    """A new token. ``text`` is the secret; it is shown to its user once and stored nowhere."""

    accessor: str
    expires_at: int
    text: str = field(repr=False)
