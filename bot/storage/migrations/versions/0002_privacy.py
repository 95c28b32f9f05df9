"""privacy: opt-out, decisions, consents, unanswered questions, erasure receipts

Revision: 0002
Follows: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import bot.storage.models

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

TIME = bot.storage.models.UtcDateTime(timezone=True)


def upgrade() -> None:
    """Apply this change."""
    # Plain ADD COLUMN and CREATE INDEX: rebuilding a table on SQLite would delete what hangs on it.
    op.add_column('contact', sa.Column('opted_out_at', TIME, nullable=True))
    op.add_column('inbound_message', sa.Column('decision', sa.String(length=20), nullable=False, server_default=''))
    op.add_column('inbound_message', sa.Column('topic', sa.String(length=60), nullable=False, server_default=''))
    op.create_index('ix_inbound_message_received_at', 'inbound_message', ['received_at'])
    op.create_index('ix_outbound_message_created_at', 'outbound_message', ['created_at'])
    op.create_index('ix_outbound_message_inbound', 'outbound_message', ['inbound_id'])
    op.create_index('ix_quick_reply_token_expires_at', 'quick_reply_token', ['expires_at'])
    op.create_table('consent',
    sa.Column('id', sa.Integer(), autoincrement=True, nullable=False),
    sa.Column('contact_id', sa.String(length=32), nullable=False),
    sa.Column('purpose', sa.String(length=40), nullable=False),
    sa.Column('version', sa.String(length=20), nullable=False),
    sa.Column('given_at', TIME, nullable=False),
    sa.Column('withdrawn_at', TIME, nullable=True),
    sa.ForeignKeyConstraint(['contact_id'], ['contact.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_consent_contact_id', 'consent', ['contact_id'])
    op.create_table('unanswered_question',
    sa.Column('id', sa.Integer(), autoincrement=True, nullable=False),
    sa.Column('contact_id', sa.String(length=32), nullable=True),
    sa.Column('person_hash', sa.String(length=64), nullable=False),
    sa.Column('masked_text', sa.Text(), nullable=False),
    sa.Column('locale', sa.String(length=8), nullable=False),
    sa.Column('decision', sa.String(length=20), nullable=False),
    sa.Column('guesses', sa.Text(), nullable=False),
    sa.Column('asked_at', TIME, nullable=False),
    sa.Column('state', sa.String(length=20), nullable=False),
    sa.Column('handled_at', TIME, nullable=True),
    sa.ForeignKeyConstraint(['contact_id'], ['contact.id'], ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_unanswered_question_contact_id', 'unanswered_question', ['contact_id'])
    op.create_index('ix_unanswered_question_asked_at', 'unanswered_question', ['asked_at'])
    op.create_table('erasure_receipt',
    sa.Column('code_hash', sa.String(length=64), nullable=False),
    sa.Column('at', TIME, nullable=False),
    sa.PrimaryKeyConstraint('code_hash')
    )
    op.create_index('ix_erasure_receipt_at', 'erasure_receipt', ['at'])


def downgrade() -> None:
    """Take this change back."""
    op.drop_table('erasure_receipt')
    op.drop_table('unanswered_question')
    op.drop_table('consent')
    op.drop_index('ix_quick_reply_token_expires_at', 'quick_reply_token')
    op.drop_index('ix_outbound_message_inbound', 'outbound_message')
    op.drop_index('ix_outbound_message_created_at', 'outbound_message')
    op.drop_index('ix_inbound_message_received_at', 'inbound_message')
    op.drop_column('inbound_message', 'topic')
    op.drop_column('inbound_message', 'decision')
    op.drop_column('contact', 'opted_out_at')
