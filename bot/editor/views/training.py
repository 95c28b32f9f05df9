"""Training: what has changed since the last one, start it, watch it, and its figures before and after."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from starlette.responses import Response

from bot.editor.pages import Pages
from bot.editor.parts import EditorParts
from bot.editor.roles import Need
from bot.editor.sessions import Staff
from bot.editor.titles import family_names, topic_titles
from bot.editor.training import NotAcceptable
from bot.editor.visit import Visit
from bot.i18n import LOCALES, N_, language_name
from bot.training_report import FIGURES, TrainingReport, TrainingRuns

pages = Pages()
pages.menu_entry(N_("editor.menu.training"), "/training", Need.REVIEW)

STATE_KEYS = {
    "running": N_("editor.training.running"),
    "taken": N_("editor.training.taken"),
    "refused": N_("editor.training.refused"),
    "failed": N_("editor.training.failed"),
}
FIGURE_KEYS = {
    "top_1": N_("editor.figure.top_first"),
    "top_3": N_("editor.figure.top_three"),
    "right": N_("editor.figure.right"),
    "wrong": N_("editor.figure.wrong"),
    "lost": N_("editor.figure.lost"),
    "refused": N_("editor.figure.refused"),
    "urgent": N_("editor.figure.urgent"),
    "false_alarms": N_("editor.figure.false_alarms"),
}


@pages.counter(N_("editor.counter.untrained"), "/training", Need.REVIEW)
def count_untrained(parts: EditorParts, staff: Staff) -> int:
    """Count the examples that came or went since the model in use was trained."""
    changes = parts.training.state().changes
    return changes.count if changes else 0


@pages.get("/training", needs=Need.REVIEW)
def show_training(visit: Visit) -> Response:
    """Show how the training stands; the page asks again by itself while one runs."""
    return _show(visit)


@pages.post("/training", needs=Need.REVIEW)
def start_training(visit: Visit) -> Response:
    """Start a training."""
    try:
        visit.parts.training.start(visit.staff.id)
    except TrainingRuns:
        visit.notice(N_("editor.training.runs"))
    return visit.redirect("/training")


@pages.post("/training/accept", needs=Need.ADMIN)
def accept_training(visit: Visit) -> Response:
    """Use a model that was refused, with a reason."""
    reason = " ".join(str(visit.form.get("reason", "")).split())
    if not reason:
        return _show(visit, 400, visit.say("editor.training.reason_missing"))
    try:
        visit.parts.training.accept(visit.staff.id, reason)
    except NotAcceptable as refused:
        return _show(visit, 409, visit.say(refused.key))
    except TrainingRuns:
        visit.notice(N_("editor.training.runs"))
    return visit.redirect("/training")


def _show(visit: Visit, status: int = 200, error: str = "") -> Response:
    state = visit.parts.training.state()
    report = state.report
    titles = topic_titles(visit.parts)
    return visit.render(
        "training.html",
        status,
        state=state,
        error=error,
        state_keys=STATE_KEYS,
        figure_keys=FIGURE_KEYS,
        figures=FIGURES,
        started=datetime.fromisoformat(report.started_at) if report else None,
        ended=datetime.fromisoformat(report.ended_at) if report and report.ended_at else None,
        rows=_rows(report) if report else [],
        changes=_changes(state.changes.new, state.changes.gone, titles) if state.changes else [],
        log=visit.parts.training.log(),
        groups={**family_names(visit), **{code: language_name(code) for code in LOCALES}, "all": visit.say("editor.topics.all")},
        may_accept=visit.staff.may(Need.ADMIN) and state.is_acceptable,
    )


def _rows(report: TrainingReport) -> list[tuple[str, dict[str, tuple[float | None, float | None, bool]]]]:
    """Return for each group the figures before and after, and whether one of them fell."""
    fallen = {(group, figure) for group, figure, _, _ in report.falls}
    rows = []
    for group, after in report.after.items():
        before = report.before.get(group, {})
        cells = {name: (before.get(name), after.get(name), (group, name) in fallen) for name in FIGURES}
        rows.append((group, cells))
    return rows


def _changes(new: Mapping[str, int], gone: Mapping[str, int], titles: Mapping[str, str]) -> list[tuple[str, str, int, int]]:
    """Return (locale, title, new sentences, gone ones)."""
    rows = []
    for key in sorted({*new, *gone}):
        locale, topic = key.split(" ")
        rows.append((locale, titles.get(topic, topic), new.get(key, 0), gone.get(key, 0)))
    return rows
