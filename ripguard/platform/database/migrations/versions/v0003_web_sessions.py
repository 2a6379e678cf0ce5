"""Sessions of the web page.

Revision: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """The table of sessions of the web page."""
    op.create_table(
        "web_sessions",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("accessor", sa.Text(), nullable=False),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("used_at", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["accessor"], ["tokens.accessor"], name=op.f("fk_web_sessions_accessor")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_web_sessions")),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Without them: who is signed in to the web page signs in again."""
    op.drop_table("web_sessions")
