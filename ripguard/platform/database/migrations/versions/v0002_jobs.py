"""Jobs.

Revision: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """The table of jobs."""
    op.create_table(
        "jobs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("accessor", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("idempotency", sa.Text(), nullable=False),
        sa.Column("upload", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("images", NUMBER, nullable=False),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("ended_at", NUMBER, nullable=True),
        sa.CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name=op.f("ck_jobs_state")),
        sa.ForeignKeyConstraint(["accessor"], ["tokens.accessor"], name=op.f("fk_jobs_accessor")),
        sa.ForeignKeyConstraint(["dataset"], ["datasets.id"], name=op.f("fk_jobs_dataset")),
        sa.ForeignKeyConstraint(["principal"], ["principals.id"], name=op.f("fk_jobs_principal")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("principal", "idempotency", name=op.f("uq_jobs_principal_idempotency")),
        sqlite_strict=True,
    )
    op.create_index("ix_jobs_host", "jobs", ["host", "state"], unique=False)


def downgrade() -> None:
    """Without jobs: those that run are lost, and their files stay."""
    op.drop_index("ix_jobs_host", table_name="jobs")
    op.drop_table("jobs")
