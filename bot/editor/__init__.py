"""The editor: web pages with which staff keep the content folder true. It never imports the engine, the gateway or a channel.

A new page in five lines, in `bot/editor/views/<subject>.py`, whose `pages` is named once in `bot.editor.app.MODULES`:

    pages = Pages()
    pages.menu_entry(N_("editor.menu.reports"), "/reports", Need.REVIEW)

    @pages.get("/reports", needs=Need.REVIEW)            # who may open it is said here and enforced in `bot.editor.gate`
    def show_reports(visit: Visit) -> Response:
        return visit.render("reports.html", rows=rows(visit.parts.database))   # templates/reports.html extends base.html

A form is taken with `@pages.post(...)`: every form holds `{{ token(csrf) }}`, fields are drawn with the macros of
`templates/fields.html`, and the page ends with `visit.notice(N_("editor.reports.saved"), undo=("reports.delete", data))` and
`visit.redirect("/reports")`. `@pages.undo("reports.delete")` takes it back. `@pages.counter(N_("editor.counter.reports"),
"/reports")` puts a line on the first page. What changes something is noted with `visit.parts.audit.write(...)` in the same
transaction. Sentences are keys `editor.*` in the Spanish and English catalogues. Views run in a thread: no `async` needed.
"""
