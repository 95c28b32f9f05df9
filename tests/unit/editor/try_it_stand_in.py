"""Stands in for `ruta try-it` without an engine: speaks its lines, answers with the laid text, and ends as a question tells it."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from bot.messages import OutboundMessage, QuickReply

told = Path("told")
what = told.read_text(encoding="utf-8") if told.exists() else ""
with Path("started").open("a", encoding="utf-8") as started:
    started.write(f"{os.getpid()} {sorted(name for name in os.environ if name.startswith('RUTA_'))}\n")
while told.exists() and what == "load slowly":
    time.sleep(0.02)
if what.startswith("refuse "):
    print(json.dumps({"error": what.split()[1]}), flush=True)
    sys.exit(0)
if what == "die":
    os._exit(137)
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    if asked["text"] == "muere":
        os._exit(9)
    if asked["text"] == "termina" and not Path("ended").exists():  # In good order, before it answers: once.
        Path("ended").touch()
        sys.exit(0)
    if asked["text"] == "calla":
        time.sleep(60)
    if asked["text"].startswith("error "):
        print(json.dumps({"error": asked["text"].split()[1]}), flush=True)
        continue
    text = f"{asked['text']} {len(asked['text'])} " + " ".join(
        f"[{path}: {len(text)}]" for path, text in asked["overlay"].items()
    )
    reply = OutboundMessage(text, (QuickReply("Costo", "/more"),))
    ranking = [["passport", 0.914], ["id_card", 0.05]]
    answer = {"locale": "es", "decision": "answer", "topic": "passport", "destination": "", "choices": [], "ranking": ranking}
    print(json.dumps({**answer, "replies": [reply.to_json()]}), flush=True)
