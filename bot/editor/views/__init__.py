"""The pages, one module per subject. Each has `pages = Pages()` and is named in `bot.editor.app.MODULES`."""
