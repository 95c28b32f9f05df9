"""${message}

Revision: ${up_revision}
Follows: ${down_revision}
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import bot.storage.models

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None
# Only for a change that the release before cannot run on: the oldest revision whose release can (docs/operations/upgrade.md).
oldest_serving = None


def upgrade() -> None:
    """Apply this change."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Take this change back."""
    ${downgrades if downgrades else "pass"}
