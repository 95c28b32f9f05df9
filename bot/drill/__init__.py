"""The safety drill: what people in danger write, played in every state of a conversation against the real parts."""
