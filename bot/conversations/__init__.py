"""Use cases around a conversation: taking messages in, running a turn, sending replies, choices, masking, urgent phrases."""
