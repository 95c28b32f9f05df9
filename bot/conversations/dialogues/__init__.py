"""Guided dialogues: what was answered, what a message means in the middle of one, what comes next, and the words for it."""
