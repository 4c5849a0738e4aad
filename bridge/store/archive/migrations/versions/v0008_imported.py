"""What was said before the bridge."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """All that is stored already was said here."""
    op.add_column("messages", sa.Column("imported", sa.Boolean(), nullable=False, server_default=sa.false()))
