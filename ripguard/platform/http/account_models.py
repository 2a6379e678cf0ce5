"""Bodies of requests and answers about accounts and tokens."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from ripguard.platform.http.models import Account, Body, Count, Label, Life, Name, Text
from ripguard.platform.roles import Role, Scope


class AccountIn(Body):
    name: Name
    role: Role


class AccountOut(BaseModel):
    id: str
    name: str
    role: Role
    created_at: int
    disabled: bool


class AccountsOut(BaseModel):
    accounts: list[AccountOut]
    next: int | None


class TokenIn(Body):
    account: Annotated[str, Field(pattern=r"^[!-~]{0,80}$")] = Field("", description="its id; empty: the own one")
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=8)] | None = None
    dataset: Annotated[str, Field(pattern=r"^[!-~]{1,80}$")] | None = None
    split: Label | None = None
    label: Label | None = None
    images: Count | None = None
    life: Life = 0
    note: Annotated[Text, Field(max_length=200)] | None = None


class IssuedOut(BaseModel):
    accessor: str
    expires_at: int
    token: str = Field(description="the secret; it is shown once")


class TokenOut(BaseModel):
    accessor: str
    account: Account
    parent: str | None
    scopes: list[Scope]
    dataset: str | None
    split: str | None
    label: str | None
    images: int | None
    used: int
    note: str
    created_at: int
    expires_at: int
    revoked: bool


class TokensOut(BaseModel):
    tokens: list[TokenOut]
    next: int | None
