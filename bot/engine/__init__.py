"""The dialogue engine behind one narrow door: the only package that imports Rasa.

What follows must come before Rasa and numpy are loaded. One thread for linear algebra: the sums of one message are small, and
the helpers of a second thread spin while they wait, which took half of a worker's processor time.
"""

import os

from bot.engine.deferred import defer

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
defer("rasa.utils.train_utils")  # TensorFlow.
defer("rasa.core.test")  # What draws the reports of `rasa test`.
