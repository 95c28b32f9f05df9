"""closed failures, and an index on dead letters

Revision: 0003
Follows: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import bot.storage.models

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this change; the release before it goes on working on these tables."""
    for table in ('inbound_message', 'outbound_message'):
        op.add_column(table, sa.Column('closed_at', bot.storage.models.UtcDateTime(timezone=True), nullable=True))
    dead = sa.text("state = 'dead'")
    op.create_index('ix_inbound_message_dead', 'inbound_message', ['state'], sqlite_where=dead, postgresql_where=dead)


def downgrade() -> None:
    """Take this change back."""
    op.drop_index('ix_inbound_message_dead', 'inbound_message')
    for table in ('inbound_message', 'outbound_message'):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column('closed_at')
