"""The engine's custom actions, for the executor of rasa-sdk.

The worker runs them in its own process (`bot.engine.action_endpoint`); `rasa run actions --actions bot.actions` serves the same
ones from the project's root, for `rasa shell` or a second machine. They decide nothing: `bot.conversations.dialogues` does.
"""
