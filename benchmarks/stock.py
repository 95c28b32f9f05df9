"""Stock Rasa as the peer: default pipeline and policies, its own server, REST channel, SQL tracker store; on our topics."""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import yaml

from bot.engine.scoring import Example

READY_SECONDS = 300.0
_QUIET = {"RASA_TELEMETRY_ENABLED": "false", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
_OURS = ("language.LanguageIdentifier", "destinations.DestinationExtractor", "classifier.CalibratedSvmClassifier")


def stock_config(epochs: int) -> dict[str, object]:
    """Return what Rasa 3.6 proposes as its default (https://rasa.com/docs/rasa/model-configuration), with fewer epochs."""
    pipeline: list[dict[str, object]] = [
        {"name": "WhitespaceTokenizer"},
        {"name": "RegexFeaturizer"},
        {"name": "LexicalSyntacticFeaturizer"},
        {"name": "CountVectorsFeaturizer"},
        {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
        {"name": "DIETClassifier", "epochs": epochs, "constrain_similarities": True},
        {"name": "EntitySynonymMapper"},
        {"name": "ResponseSelector", "epochs": epochs, "constrain_similarities": True},
        {"name": "FallbackClassifier", "threshold": 0.3, "ambiguity_threshold": 0.1},
    ]
    policies: list[dict[str, object]] = [
        {"name": "MemoizationPolicy"},
        {"name": "RulePolicy"},
        {"name": "UnexpecTEDIntentPolicy", "max_history": 5, "epochs": epochs},
        {"name": "TEDPolicy", "max_history": 5, "epochs": epochs, "constrain_similarities": True},
    ]
    return {"recipe": "default.v1", "language": "es", "assistant_id": "peer", "pipeline": pipeline, "policies": policies}


def our_config(urgent: Sequence[str]) -> dict[str, object]:
    """Return our pipeline and policy for the same project, so that both train on the same data by the same command."""
    pipeline: list[dict[str, object]] = [{"name": f"bot.engine.components.{name}"} for name in _OURS]
    pipeline.append({"name": "bot.engine.components.decision.DecisionMaker", "urgent": list(urgent)})
    policies = [{"name": "bot.engine.components.rules.IndexedRulePolicy"}]
    return {"recipe": "default.v1", "language": "es", "assistant_id": "peer", "pipeline": pipeline, "policies": policies}


def write_project(folder: Path, examples: Sequence[Example], each: int, seed: int, config: dict[str, object]) -> int:
    """Write a Rasa project with up to `each` examples of every topic, a rule and a story for each; return the examples."""
    by_topic: dict[str, list[str]] = defaultdict(list)
    for example in random.Random(seed).sample(list(examples), len(examples)):
        if len(by_topic[example.intent]) < each:
            by_topic[example.intent].append(" ".join(example.text.split()))
    topics = sorted(by_topic)
    steps = {topic: [{"intent": topic}, {"action": f"utter_{topic}"}] for topic in topics}
    nlu = [{"intent": topic, "examples": "".join(f"- {_plain(text)}\n" for text in by_topic[topic])} for topic in topics]
    domain = {
        "version": "3.1",
        "intents": topics,
        "responses": {f"utter_{topic}": [{"text": f"Esta es la respuesta sobre {topic}."}] for topic in topics},
        "session_config": {"session_expiration_time": 1440, "carry_over_slots_to_new_session": False},
    }
    _write(folder / "config.yml", config)
    _write(folder / "domain.yml", domain)
    _write(folder / "data" / "nlu.yml", {"version": "3.1", "nlu": nlu})
    _write(folder / "data" / "rules.yml", {"version": "3.1", "rules": [{"rule": t, "steps": steps[t]} for t in topics]})
    _write(folder / "data" / "stories.yml", {"version": "3.1", "stories": [{"story": t, "steps": steps[t]} for t in topics[:20]]})
    _write(folder / "credentials.yml", {"rest": None})
    tracker_store = {"type": "SQL", "dialect": "sqlite", "url": f"sqlite:///{folder}/rasa.db"}
    _write(folder / "endpoints.yml", {"tracker_store": tracker_store})
    return sum(len(texts) for texts in by_topic.values())


def _plain(text: str) -> str:
    return text.replace("[", "(").replace("]", ")").replace("{", "(").replace("}", ")")  # Its marks for entities.


def _write(path: Path, data: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), encoding="utf-8")


def train(folder: Path) -> float:
    """Run `rasa train` in a project; return the seconds.

    Raises:
        RuntimeError: it failed; the end of what it said is in the text.
    """
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "rasa", "train", "--fixed-model-name", "peer"],
        cwd=folder,
        env={**os.environ, **_QUIET},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"rasa train failed: {(done.stdout + done.stderr)[-2000:]}")
    return time.perf_counter() - started


def lengthen(database: Path, sender: str, messages: int) -> None:
    """Repeat what a conversation holds in stock's tracker store until it has so many messages, as if they had been written."""
    with contextlib.closing(sqlite3.connect(database, timeout=30)) as connection:
        columns = "type_name, timestamp, intent_name, action_name, data"
        query = f"SELECT {columns} FROM events WHERE sender_id = ? AND type_name != 'session_started' ORDER BY id"
        rows = [row for row in connection.execute(query, (sender,)) if row[3] != "action_session_start"]
        written = sum(row[0] == "user" for row in rows)
        for _ in range(messages // written - 1):
            connection.executemany(f"INSERT INTO events (sender_id, {columns}) VALUES ('{sender}', ?, ?, ?, ?, ?)", rows)
        connection.commit()


@dataclass(frozen=True)
class StockServer:
    """A running server."""

    url: str
    ready_seconds: float
    process: psutil.Process
    database: Path

    def memory(self) -> int:
        """Return the resident bytes of the server and its children."""
        return sum(process.memory_info().rss for process in [self.process, *self.process.children(recursive=True)])


@contextlib.contextmanager
def stock_server(folder: Path) -> Iterator[StockServer]:
    """Run `rasa run` on the project's model, and yield when it answers that its model is loaded."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "rasa",
        "run",
        "--enable-api",
        "-i",
        "127.0.0.1",
        "-p",
        str(port),
        "--model",
        "models/peer.tar.gz",
    ]
    command += ["--endpoints", "endpoints.yml", "--credentials", "credentials.yml"]
    log = (folder / "server.log").open("w")
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env={**os.environ, **_QUIET}, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_loaded(url, process, folder / "server.log")
        yield StockServer(url, time.perf_counter() - started, psutil.Process(process.pid), folder / "rasa.db")
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        log.close()


def _wait_loaded(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.perf_counter() + READY_SECONDS
    while time.perf_counter() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError, json.JSONDecodeError):
            if httpx.get(f"{url}/status", timeout=5, trust_env=False).status_code == 200:
                return
        time.sleep(0.2)
    raise RuntimeError(f"the peer did not start: {log.read_text()[-2000:]}")
