"""history

Revision: 0005
Follows: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this change; the release before it goes on working on these tables."""
    op.add_column('draft', sa.Column('authors', sa.Text(), nullable=False, server_default='[]'))
    op.add_column('version', sa.Column('authors', sa.Text(), nullable=False, server_default='[]'))
    op.add_column('version', sa.Column('origin', sa.String(length=12), nullable=False, server_default='editor'))
    op.add_column('version', sa.Column('fingerprint', sa.String(length=64), nullable=False, server_default=''))


def downgrade() -> None:
    """Take this change back."""
    with op.batch_alter_table('version', schema=None) as batch_op:
        batch_op.drop_column('fingerprint')
        batch_op.drop_column('origin')
        batch_op.drop_column('authors')
    with op.batch_alter_table('draft', schema=None) as batch_op:
        batch_op.drop_column('authors')
