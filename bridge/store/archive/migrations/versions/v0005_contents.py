"""What messages say beyond their words, and what else is known of them: places, cards, orders, where they came from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Messages that are stored already said nothing but words."""
    op.add_column("messages", sa.Column("content", sa.LargeBinary(), nullable=True))
