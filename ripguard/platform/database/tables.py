"""The tables. ``migrations/versions`` makes them; a test compares both.

Times are seconds since 1970, UTC. Identifiers are random texts; ``versions.key`` is a number that no caller sees, as it
stands in every row of ``images``. On SQLite all tables are STRICT.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMES)
STRICT: dict[str, Any] = {"sqlite_strict": True}
Number = BigInteger().with_variant(Integer(), "sqlite")  # STRICT tables know no BIGINT; INTEGER has 64 bits there


def _id(name: str, to: str, null: bool = False, index: bool = False) -> Column[str]:
    return Column(name, Text, ForeignKey(to), nullable=null, index=index)


def _number(name: str, null: bool = False, start: str | None = None) -> Column[int]:
    return Column(name, Number, nullable=null, server_default=start)


def _text(name: str, null: bool = False) -> Column[str]:
    return Column(name, Text, nullable=null)


generations = Table(  # of the master key
    "generations", metadata,
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("check_value", LargeBinary, nullable=False),
    _number("made_at"), _number("retired_at", null=True),
    **STRICT,
)  # fmt: skip
wrapped_keys = Table(
    "wrapped_keys", metadata,
    Column("id", Text, primary_key=True),
    _text("dataset"), Column("version", Integer, nullable=False), _text("purpose"),  # "" and 0: of the platform
    Column("generation", Integer, ForeignKey("generations.generation"), nullable=False, index=True),
    Column("wrapped", LargeBinary, nullable=False),
    UniqueConstraint("dataset", "version", "purpose"),
    **STRICT,
)  # fmt: skip
principals = Table(
    "principals", metadata,
    Column("id", Text, primary_key=True), Column("name", Text, nullable=False, unique=True),
    _text("role"), _number("created_at"), _number("disabled_at", null=True),
    CheckConstraint("role IN ('owner', 'user', 'auditor', 'admin')", name="role"),
    **STRICT,
)  # fmt: skip
datasets = Table(
    "datasets", metadata,
    Column("id", Text, primary_key=True), _text("name"), _id("owner", "principals.id"),
    _number("listed", start="0"), _number("public_log", start="0"), _text("criteria"),
    _number("created_at"), _number("closed_at", null=True),
    UniqueConstraint("owner", "name"),
    **STRICT,
)  # fmt: skip
versions = Table(
    "versions", metadata,
    Column("key", Integer, primary_key=True, autoincrement=True),
    _id("dataset", "datasets.id"), Column("version", Integer, nullable=False),
    _text("release_id"), _text("key_id"), _number("images"), _text("blob"), _text("info"), _number("deposited_at"),
    UniqueConstraint("dataset", "version"), UniqueConstraint("dataset", "blob"),
    **STRICT,
)  # fmt: skip
images = Table(
    "images", metadata,
    Column("version", Integer, ForeignKey("versions.key"), primary_key=True),
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("unit", Integer, nullable=False),
    Column("samples", LargeBinary, nullable=False), Column("file", LargeBinary, nullable=False),
    _text("row"),
    Index("ix_images_samples", "version", "samples"), Index("ix_images_file", "version", "file"),
    **STRICT,
)  # fmt: skip
tokens = Table(
    "tokens", metadata,
    Column("accessor", Text, primary_key=True), Column("digest", LargeBinary, nullable=False, unique=True),
    _id("principal", "principals.id", index=True), _id("parent", "tokens.accessor", null=True, index=True),
    _text("scopes"), _id("dataset", "datasets.id", null=True), _text("split", null=True), _text("label", null=True),
    _number("images_limit", null=True), _number("images_used", start="0"), _text("note"),
    _number("created_at"), _number("expires_at"), _number("revoked_at", null=True),
    **STRICT,
)  # fmt: skip
grants = Table(
    "grants", metadata,
    Column("id", Text, primary_key=True), _id("dataset", "datasets.id", index=True),
    _id("principal", "principals.id", index=True), _text("split", null=True), _text("label", null=True),
    _number("images_limit", null=True), _number("images_used", start="0"), _text("delivery"),
    _id("created_by", "principals.id"), _number("created_at"), _number("ends_at"), _number("revoked_at", null=True),
    CheckConstraint("delivery IN ('pixels', 'keys')", name="delivery"),
    **STRICT,
)  # fmt: skip
requests = Table(  # for access
    "requests", metadata,
    Column("id", Text, primary_key=True), _id("dataset", "datasets.id", index=True),
    _id("principal", "principals.id", index=True), _text("split", null=True), _text("label", null=True),
    _text("purpose"), _text("answers"), _number("public"), _number("created_at"), _text("state"),
    _id("decided_by", "principals.id", null=True), _number("decided_at", null=True), _text("reason"),
    _id("granted", "grants.id", null=True),
    CheckConstraint("state IN ('open', 'granted', 'refused', 'withdrawn')", name="state"),
    **STRICT,
)  # fmt: skip
jobs = Table(  # restorations of large uploads; their files are on one host, or in a folder that all share
    "jobs", metadata,
    Column("id", Text, primary_key=True), _id("principal", "principals.id"), _id("accessor", "tokens.accessor"),
    _id("dataset", "datasets.id"), _text("idempotency"), _text("upload"), _text("host"), _text("state"),
    _text("error"), _number("images"), _number("created_at"), _number("ended_at", null=True),
    Column("runner", Text, nullable=False, server_default=""), _number("leased_until", start="0"),
    UniqueConstraint("principal", "idempotency"), Index("ix_jobs_host", "host", "state"),
    CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name="state"),
    **STRICT,
)  # fmt: skip
web_sessions = Table(  # of the web page; ``digest``: SHA-256 of what is in the cookie
    "web_sessions", metadata,
    Column("digest", LargeBinary, primary_key=True), _id("accessor", "tokens.accessor"),
    _number("created_at"), _number("used_at"),
    **STRICT,
)  # fmt: skip
counters = Table(  # rates and quotas: one window of time for each subject and kind
    "counters", metadata,
    Column("subject", Text, primary_key=True), Column("kind", Text, primary_key=True),
    _number("started"), _number("value"),
    **STRICT,
)  # fmt: skip
failures = Table(
    "failures", metadata,
    Column("subject", Text, primary_key=True), _number("number"), _number("last_at"), _number("wait_until"),
    **STRICT,
)  # fmt: skip
pulse = Table(  # one row, whose counter grows with every revocation
    "pulse", metadata,
    Column("id", Integer, primary_key=True, autoincrement=False), _number("counter"),
    **STRICT,
)  # fmt: skip
audit = Table(
    "audit", metadata,
    Column("seq", Number, primary_key=True, autoincrement=False),
    _number("time"), _text("actor"), _text("action"), _text("dataset"), _number("images"), _text("result"),
    _text("line"), Index("ix_audit_dataset", "dataset", "action"),
    **STRICT,
)  # fmt: skip
audit_head = Table(  # one row: the last record
    "audit_head", metadata,
    Column("id", Integer, primary_key=True, autoincrement=False), _number("seq"), _text("hash"),
    **STRICT,
)  # fmt: skip
