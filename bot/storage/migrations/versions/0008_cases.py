"""cases: conversations that people of staff answer; their replies encrypted

Revision: 0008
Follows: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import bot.storage.models

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None

TIME = bot.storage.models.UtcDateTime(timezone=True)


def upgrade() -> None:
    """Apply this change."""
    op.add_column('outbound_message', sa.Column('body_encrypted', sa.LargeBinary(), nullable=True))
    op.create_table('staff_case',
    sa.Column('id', sa.Integer(), autoincrement=True, nullable=False),
    sa.Column('contact_id', sa.String(length=32), nullable=False),
    sa.Column('code', sa.String(length=12), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('closed_by', sa.String(length=10), nullable=False),
    sa.Column('is_urgent', sa.Boolean(), nullable=False),
    sa.Column('bot_answers', sa.Boolean(), nullable=False),
    sa.Column('is_acknowledged', sa.Boolean(), nullable=False),
    sa.Column('assigned_to', sa.String(length=32), nullable=False),
    sa.Column('opened_at', TIME, nullable=False),
    sa.Column('handed_at', TIME, nullable=False),
    sa.Column('waiting_since', TIME, nullable=True),
    sa.Column('last_staff_at', TIME, nullable=True),
    sa.Column('last_at', TIME, nullable=False),
    sa.Column('left_at', TIME, nullable=True),
    sa.ForeignKeyConstraint(['contact_id'], ['contact.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('code')
    )
    is_open = sa.text("state = 'open'")
    op.create_index(
        'ix_staff_case_open', 'staff_case', ['contact_id'], unique=True, sqlite_where=is_open, postgresql_where=is_open
    )
    op.create_index('ix_staff_case_state', 'staff_case', ['state', 'last_at'])
    op.create_index('ix_staff_case_contact_id', 'staff_case', ['contact_id'])
    op.create_index('ix_staff_case_last_at', 'staff_case', ['last_at'])
    op.create_table('staff_case_entry',
    sa.Column('id', sa.Integer(), autoincrement=True, nullable=False),
    sa.Column('case_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('text_encrypted', sa.LargeBinary(), nullable=True),
    sa.Column('event', sa.String(length=20), nullable=False),
    sa.Column('staff_id', sa.String(length=32), nullable=False),
    sa.Column('outbound_id', sa.Integer(), nullable=True),
    sa.Column('at', TIME, nullable=False),
    sa.ForeignKeyConstraint(['case_id'], ['staff_case.id'], ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['outbound_id'], ['outbound_message.id'], ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_staff_case_entry_case_id', 'staff_case_entry', ['case_id'])
    op.create_index('ix_staff_case_entry_outbound_id', 'staff_case_entry', ['outbound_id'])
    op.create_index('ix_staff_case_entry_at', 'staff_case_entry', ['at'])


def downgrade() -> None:
    """Take this change back."""
    op.drop_table('staff_case_entry')
    op.drop_table('staff_case')
    op.drop_column('outbound_message', 'body_encrypted')
