"""Run by Alembic: applies migrations on the connection that `bot.storage.upgrade` hands over."""

from __future__ import annotations

from alembic import context

import bot.storage.staff_models  # noqa: F401  Its tables belong to the same base.
from bot.storage.models import Base
from bot.storage.revision import SERVING

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=True,
    include_name=lambda name, kind, _: kind != "table" or name != SERVING.name,
)
with context.begin_transaction():
    context.run_migrations()
