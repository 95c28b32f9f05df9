"""Stands in for `ruta train` without an engine: takes the real lock, writes the real report, and does what `models/what` says."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from bot.training_report import REFUSED, TAKEN, Reporter, TrainingFiles, learn_from
from bot.wiring import utc_now

root = Path.cwd()
told = root / "models" / "what"
files = TrainingFiles(root / "models")
FIGURES = {"count": 100, "top_1": 0.9, "wrong": 0.05}
with files.lock():
    what = told.read_text(encoding="utf-8")
    reporter = Reporter(files, learn_from(root), utc_now(), 2, accepted="--accept" in sys.argv)
    reporter.step("data")
    if what == "die":
        print("stand-in: out of memory", flush=True)
        os._exit(137)
    while what == "wait" and told.exists():
        time.sleep(0.05)
    worse = what == "refuse"
    after = {**FIGURES, "wrong": 0.09} if worse else {**FIGURES, "top_1": 0.95}
    falls = (("es", "wrong", 0.05, 0.09),) if worse else ()
    reporter.compared(before={"all": FIGURES, "es": FIGURES}, after={"all": after, "es": after}, falls=falls)
    print("stand-in: trained")
    if worse and "--accept" not in sys.argv:
        reporter.end(REFUSED, utc_now())
        sys.exit(2)
    reporter.end(TAKEN, utc_now(), model="ruta-2.tar.gz")
