"""What a worker loads: no TensorFlow until something needs it, and one thread for linear algebra."""

from __future__ import annotations

import json
import subprocess
import sys

LOADED = """
import json, sys
import bot.engine.agent
from threadpoolctl import threadpool_info
seen = {"early": "tensorflow" in sys.modules, "threads": [pool["num_threads"] for pool in threadpool_info()]}
import rasa.utils.train_utils
seen["imported"] = "tensorflow" in sys.modules
seen["works"] = rasa.utils.train_utils.check_deprecated_options({"a": 1})
seen["late"] = "tensorflow" in sys.modules
print(json.dumps(seen))
"""


def test_the_engine_loads_tensorflow_only_when_it_is_used() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", LOADED], capture_output=True, text=True, check=True, timeout=120)
    seen = json.loads(done.stdout)
    assert not seen["early"] and not seen["imported"]
    assert seen["works"] == {"a": 1}, "the deferred module is the real one once it is used"
    assert seen["late"]
    assert set(seen["threads"]) == {1}
