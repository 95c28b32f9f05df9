"""feedback: whether answers helped; complaints

Revision: 0007
Follows: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import bot.storage.models

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

TIME = bot.storage.models.UtcDateTime(timezone=True)


def upgrade() -> None:
    """Apply this change."""
    op.create_table('answer_feedback',
    sa.Column('id', sa.Integer(), autoincrement=True, nullable=False),
    sa.Column('person_hash', sa.String(length=64), nullable=False),
    sa.Column('topic', sa.String(length=60), nullable=False),
    sa.Column('destination', sa.String(length=8), nullable=False),
    sa.Column('locale', sa.String(length=8), nullable=False),
    sa.Column('version', sa.String(length=16), nullable=False),
    sa.Column('verdict', sa.String(length=10), nullable=False),
    sa.Column('reason', sa.String(length=20), nullable=False),
    sa.Column('given_at', TIME, nullable=False),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('person_hash', 'topic', 'destination', 'locale', 'version')
    )
    op.create_index('ix_answer_feedback_topic', 'answer_feedback', ['topic'])
    op.create_index('ix_answer_feedback_given_at', 'answer_feedback', ['given_at'])
    op.create_table('complaint',
    sa.Column('id', sa.Integer(), autoincrement=True, nullable=False),
    sa.Column('code_hash', sa.String(length=64), nullable=False),
    sa.Column('text_encrypted', sa.LargeBinary(), nullable=False),
    sa.Column('locale', sa.String(length=8), nullable=False),
    sa.Column('made_at', TIME, nullable=False),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('code_hash')
    )
    op.create_index('ix_complaint_made_at', 'complaint', ['made_at'])


def downgrade() -> None:
    """Take this change back."""
    op.drop_table('complaint')
    op.drop_table('answer_feedback')
