"""Metrics, their guide, the dashboard and the alert rules name the same things."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot import metrics, observing
from bot.metrics import Figures

FOLDER = Path(__file__).parents[2] / "docs" / "operations"
GUIDE = (FOLDER / "metrics.md").read_text(encoding="utf-8")
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))["groups"] for rule in group["rules"]
]
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))
TARGETS = [(panel["title"], target) for panel in DASHBOARD["panels"] for target in panel["targets"]]
OF_PROMETHEUS = {"le", "job", "instance"}
READ = {**observing.QUEUE_FIGURES, **observing.DISK_FIGURES, **observing.CONTENT_FIGURES, **observing.MODEL_FIGURES}


def _counted() -> dict[str, set[str]]:
    """Return the labels of each metric that is counted, by the name under which it is asked for."""
    found = {}
    for collector in {id(one): one for one in vars(metrics).values() if hasattr(one, "_labelnames")}.values():
        (family,) = collector.describe()
        suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
        labels = {"program", "version", "python"} if family.type == "info" else set(collector._labelnames)
        found[family.name + suffix] = labels
    return found


def _guide() -> dict[str, set[str]]:
    rows = re.findall(r"^\| `(ruta_\w+)` \|([\w, ]*)\|", GUIDE, re.MULTILINE)
    return {name: set(filter(None, re.split(r", ?", labels.strip()))) for name, labels in rows}


GUIDED = _guide()


def _faults(expression: str) -> Iterable[str]:
    """Return what an expression names that does not exist."""
    for name in re.findall(r"\b((?:ruta|process)_\w+)", expression):
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        if base not in GUIDED and not base.startswith("process_"):
            yield name
    known = set().union(*GUIDED.values()) | OF_PROMETHEUS
    named = [group.split(",") for group in re.findall(r"\b(?:by|without) ?\(([^)]*)\)", expression)]
    named += [re.findall(r"(\w+) ?(?:=~|!~|!=|=)", group) for group in re.findall(r"\{([^}]*)\}", expression)]
    yield from {label.strip() for group in named for label in group} - known


def test_the_guide_explains_each_metric_with_its_labels() -> None:
    """None is missing, none is explained that does not exist."""
    counted = _counted()
    assert len(counted) > 10
    assert set(GUIDED) == set(counted) | set(READ)
    assert {name: GUIDED[name] for name in counted} == counted


def test_what_is_read_is_described_to_the_registry() -> None:
    """Two figures of one name would be refused when the program starts."""
    figures = Figures(list, READ)
    assert {metric.name for metric in figures.describe()} == set(READ)
    assert not set(READ) & set(_counted())


@pytest.mark.parametrize("name", sorted(GUIDED))
def test_a_metric_is_named_as_prometheus_asks(name: str) -> None:
    """Own prefix, base units: https://prometheus.io/docs/practices/naming/ ."""
    assert re.fullmatch(r"ruta_[a-z_]+", name)
    assert not re.search(r"milli|micro|_ms\b|_mb\b|minutes|hours", name)


@pytest.mark.parametrize("label", sorted(set().union(*GUIDED.values())))
def test_no_label_is_for_a_person(label: str) -> None:
    """Labels are a closed list; a new one must be thought over here."""
    assert label in {
        *("channel", "kind", "code", "outcome", "state", "by", "decision", "topic", "place", "sensitivity", "model"),
        *("program", "version", "python"),
    }


@pytest.mark.parametrize("rule", RULES, ids=[rule.get("alert", "?") for rule in RULES])
def test_an_alert_names_what_exists_and_says_what_to_do(rule: dict[str, Any]) -> None:
    """Name, expression, severity, summary and remedy, and nothing else than the format has."""
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Ruta[A-Za-z]+", rule["alert"])
    assert re.fullmatch(r"\d+[smhd]", rule.get("for", "1m"))
    assert rule["labels"]["severity"] in ("page", "day")
    assert set(rule["annotations"]) == {"summary", "remedy"}
    assert all(len(text) > 20 for text in rule["annotations"].values())
    assert list(_faults(rule["expr"])) == []
    assert re.search(r"\b(ruta_\w+|up\{)", rule["expr"])


def test_alerts_have_names_of_their_own() -> None:
    """And there are some that wake somebody."""
    names = [rule["alert"] for rule in RULES]
    assert len(names) == len(set(names)) > 15
    assert {"RutaNoWorker", "RutaQueueTooOld", "RutaDeadLetters", "RutaContentWithheld", "RutaDiskFull"} <= {
        rule["alert"] for rule in RULES if rule["labels"]["severity"] == "page"
    }


@pytest.mark.parametrize(("title", "target"), TARGETS, ids=[f"{title}-{target['refId']}" for title, target in TARGETS])
def test_a_panel_shows_what_exists(title: str, target: dict[str, str]) -> None:
    """Each query names our metrics and labels, and so does its legend."""
    assert list(_faults(target["expr"])) == []
    known = set().union(*GUIDED.values()) | OF_PROMETHEUS
    assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= known


def test_the_dashboard_can_be_imported() -> None:
    """Panels have ids and places of their own, and ask for the source that is chosen at the import."""
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 10
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}) == len(panels)
    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}
    assert all(panel["description"] for panel in panels)
    assert [variable["name"] for variable in DASHBOARD["templating"]["list"]] == ["datasource"]


def test_every_code_of_a_failed_send_begins_at_zero() -> None:
    """An alert on a first failure needs a value before it."""
    observing._begin_counters(["testing"])
    sample = {"channel": "testing", "code": "not_authorised", "outcome": "retry"}
    assert metrics.registry.get_sample_value("ruta_send_failures_total", sample) == 0
    assert metrics.registry.get_sample_value("ruta_webhooks_refused_total", {"channel": "testing", "code": "not_stored"}) == 0


def test_a_wrong_name_would_be_found() -> None:
    """The test itself sees an unknown metric and an unknown label."""
    assert list(_faults("rate(ruta_invented_total[5m])")) == ["ruta_invented_total"]
    assert list(_faults('sum by (phone) (ruta_unsent_replies{channel="whatsapp"})')) == ["phone"]
