"""Ruta Segura: all that the bot decides. Channels live beside this package, in `channels/`."""
