"""stories: answers to a survey, apart from the people; and when a memory that holds some must be gone

Revision: 0009
Follows: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import bot.storage.models

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

TIME = bot.storage.models.UtcDateTime(timezone=True)


def upgrade() -> None:
    """Apply this change."""
    op.create_table('story',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('survey', sa.String(length=60), nullable=False),
    sa.Column('consent_version', sa.String(length=20), nullable=False),
    sa.Column('month', TIME, nullable=False),
    sa.Column('answers', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id'),
    sqlite_with_rowid=False
    )
    op.create_index('ix_story_month', 'story', ['month'])
    op.add_column('conversation', sa.Column('memory_until', TIME, nullable=True))


def downgrade() -> None:
    """Take this change back."""
    op.drop_column('conversation', 'memory_until')
    op.drop_table('story')
