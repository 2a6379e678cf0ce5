"""The first schema.

Revision: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """An empty database to this schema."""
    op.create_table(
        "audit",
        sa.Column("seq", NUMBER, autoincrement=False, nullable=False),
        sa.Column("time", NUMBER, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("images", NUMBER, nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit")),
        sqlite_strict=True,
    )
    op.create_index("ix_audit_dataset", "audit", ["dataset", "action"], unique=False)
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", NUMBER, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
        sqlite_strict=True,
    )
    op.create_table(
        "counters",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("started", NUMBER, nullable=False),
        sa.Column("value", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("subject", "kind", name=op.f("pk_counters")),
        sqlite_strict=True,
    )
    op.create_table(
        "failures",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("last_at", NUMBER, nullable=False),
        sa.Column("wait_until", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_failures")),
        sqlite_strict=True,
    )
    op.create_table(
        "generations",
        sa.Column("generation", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("check_value", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", NUMBER, nullable=False),
        sa.Column("retired_at", NUMBER, nullable=True),
        sa.PrimaryKeyConstraint("generation", name=op.f("pk_generations")),
        sqlite_strict=True,
    )
    op.create_table(
        "principals",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("disabled_at", NUMBER, nullable=True),
        sa.CheckConstraint("role IN ('owner', 'user', 'auditor', 'admin')", name=op.f("ck_principals_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_principals")),
        sa.UniqueConstraint("name", name=op.f("uq_principals_name")),
        sqlite_strict=True,
    )
    op.create_table(
        "pulse",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("counter", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pulse")),
        sqlite_strict=True,
    )
    op.create_table(
        "datasets",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("listed", NUMBER, server_default="0", nullable=False),
        sa.Column("public_log", NUMBER, server_default="0", nullable=False),
        sa.Column("criteria", sa.Text(), nullable=False),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("closed_at", NUMBER, nullable=True),
        sa.ForeignKeyConstraint(["owner"], ["principals.id"], name=op.f("fk_datasets_owner")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_datasets")),
        sa.UniqueConstraint("owner", "name", name=op.f("uq_datasets_owner_name")),
        sqlite_strict=True,
    )
    op.create_table(
        "wrapped_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["generation"], ["generations.generation"], name=op.f("fk_wrapped_keys_generation")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wrapped_keys")),
        sa.UniqueConstraint("dataset", "version", "purpose", name=op.f("uq_wrapped_keys_dataset_version_purpose")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_wrapped_keys_generation"), "wrapped_keys", ["generation"], unique=False)
    op.create_table(
        "grants",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("split", sa.Text(), nullable=True),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("images_limit", NUMBER, nullable=True),
        sa.Column("images_used", NUMBER, server_default="0", nullable=False),
        sa.Column("delivery", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("ends_at", NUMBER, nullable=False),
        sa.Column("revoked_at", NUMBER, nullable=True),
        sa.CheckConstraint("delivery IN ('pixels', 'keys')", name=op.f("ck_grants_delivery")),
        sa.ForeignKeyConstraint(["created_by"], ["principals.id"], name=op.f("fk_grants_created_by")),
        sa.ForeignKeyConstraint(["dataset"], ["datasets.id"], name=op.f("fk_grants_dataset")),
        sa.ForeignKeyConstraint(["principal"], ["principals.id"], name=op.f("fk_grants_principal")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grants")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_grants_dataset"), "grants", ["dataset"], unique=False)
    op.create_index(op.f("ix_grants_principal"), "grants", ["principal"], unique=False)
    op.create_table(
        "tokens",
        sa.Column("accessor", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=True),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=True),
        sa.Column("split", sa.Text(), nullable=True),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("images_limit", NUMBER, nullable=True),
        sa.Column("images_used", NUMBER, server_default="0", nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("expires_at", NUMBER, nullable=False),
        sa.Column("revoked_at", NUMBER, nullable=True),
        sa.ForeignKeyConstraint(["dataset"], ["datasets.id"], name=op.f("fk_tokens_dataset")),
        sa.ForeignKeyConstraint(["parent"], ["tokens.accessor"], name=op.f("fk_tokens_parent")),
        sa.ForeignKeyConstraint(["principal"], ["principals.id"], name=op.f("fk_tokens_principal")),
        sa.PrimaryKeyConstraint("accessor", name=op.f("pk_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_tokens_digest")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_tokens_parent"), "tokens", ["parent"], unique=False)
    op.create_index(op.f("ix_tokens_principal"), "tokens", ["principal"], unique=False)
    op.create_table(
        "versions",
        sa.Column("key", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("release_id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("images", NUMBER, nullable=False),
        sa.Column("blob", sa.Text(), nullable=False),
        sa.Column("info", sa.Text(), nullable=False),
        sa.Column("deposited_at", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["dataset"], ["datasets.id"], name=op.f("fk_versions_dataset")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_versions")),
        sa.UniqueConstraint("dataset", "blob", name=op.f("uq_versions_dataset_blob")),
        sa.UniqueConstraint("dataset", "version", name=op.f("uq_versions_dataset_version")),
        sqlite_strict=True,
    )
    op.create_table(
        "images",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("number", NUMBER, autoincrement=False, nullable=False),
        sa.Column("unit", sa.Integer(), nullable=False),
        sa.Column("samples", sa.LargeBinary(), nullable=False),
        sa.Column("file", sa.LargeBinary(), nullable=False),
        sa.Column("row", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["version"], ["versions.key"], name=op.f("fk_images_version")),
        sa.PrimaryKeyConstraint("version", "number", name=op.f("pk_images")),
        sqlite_strict=True,
    )
    op.create_index("ix_images_file", "images", ["version", "file"], unique=False)
    op.create_index("ix_images_samples", "images", ["version", "samples"], unique=False)
    op.create_table(
        "requests",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("split", sa.Text(), nullable=True),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("answers", sa.Text(), nullable=False),
        sa.Column("public", NUMBER, nullable=False),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", NUMBER, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("granted", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('open', 'granted', 'refused', 'withdrawn')", name=op.f("ck_requests_state")),
        sa.ForeignKeyConstraint(["dataset"], ["datasets.id"], name=op.f("fk_requests_dataset")),
        sa.ForeignKeyConstraint(["decided_by"], ["principals.id"], name=op.f("fk_requests_decided_by")),
        sa.ForeignKeyConstraint(["granted"], ["grants.id"], name=op.f("fk_requests_granted")),
        sa.ForeignKeyConstraint(["principal"], ["principals.id"], name=op.f("fk_requests_principal")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requests")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_requests_dataset"), "requests", ["dataset"], unique=False)
    op.create_index(op.f("ix_requests_principal"), "requests", ["principal"], unique=False)


def downgrade() -> None:
    """Back to an empty database: everything is lost, the audit log too."""
    op.drop_index(op.f("ix_requests_principal"), table_name="requests")
    op.drop_index(op.f("ix_requests_dataset"), table_name="requests")
    op.drop_table("requests")
    op.drop_index("ix_images_samples", table_name="images")
    op.drop_index("ix_images_file", table_name="images")
    op.drop_table("images")
    op.drop_table("versions")
    op.drop_index(op.f("ix_tokens_principal"), table_name="tokens")
    op.drop_index(op.f("ix_tokens_parent"), table_name="tokens")
    op.drop_table("tokens")
    op.drop_index(op.f("ix_grants_principal"), table_name="grants")
    op.drop_index(op.f("ix_grants_dataset"), table_name="grants")
    op.drop_table("grants")
    op.drop_index(op.f("ix_wrapped_keys_generation"), table_name="wrapped_keys")
    op.drop_table("wrapped_keys")
    op.drop_table("datasets")
    op.drop_table("pulse")
    op.drop_table("principals")
    op.drop_table("generations")
    op.drop_table("failures")
    op.drop_table("counters")
    op.drop_table("audit_head")
    op.drop_index("ix_audit_dataset", table_name="audit")
    op.drop_table("audit")
