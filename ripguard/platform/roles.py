"""Roles of principals, and scopes of tokens."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What somebody is here for. Nobody has two roles: who owns datasets and audits them has two accounts."""

    OWNER = "owner"  # deposits datasets, and decides who may restore them; may be a user of others' datasets
    USER = "user"  # restores what was granted
    AUDITOR = "auditor"  # reads the audit log, and changes nothing
    ADMIN = "admin"  # manages accounts, tokens and the master key; restores nothing


class Scope(StrEnum):
    """What a token may be used for; never more than the role of its principal."""

    SEE = "see"
    RESTORE = "restore"
    KEYS = "keys"  # take unit keys
    DEPOSIT = "deposit"
    GRANT = "grant"  # grants, requests for access, settings of a dataset
    AUDIT = "audit"
    ADMIN = "admin"
    TOKENS = "tokens"  # make child tokens


SCOPES: dict[Role, frozenset[Scope]] = {
    Role.OWNER: frozenset({Scope.SEE, Scope.RESTORE, Scope.KEYS, Scope.DEPOSIT, Scope.GRANT, Scope.TOKENS}),
    Role.USER: frozenset({Scope.SEE, Scope.RESTORE, Scope.KEYS, Scope.TOKENS}),
    Role.AUDITOR: frozenset({Scope.SEE, Scope.AUDIT, Scope.TOKENS}),
    Role.ADMIN: frozenset({Scope.SEE, Scope.ADMIN, Scope.TOKENS}),
}
