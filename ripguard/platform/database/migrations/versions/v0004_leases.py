"""Which server runs a job, and until when it has said so.

Revision: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """A lease for each job."""
    op.add_column("jobs", sa.Column("runner", sa.Text(), nullable=False, server_default=""))
    op.add_column("jobs", sa.Column("leased_until", NUMBER, nullable=False, server_default="0"))


def downgrade() -> None:
    """Without leases: only one server may run jobs."""
    op.drop_column("jobs", "leased_until")
    op.drop_column("jobs", "runner")
