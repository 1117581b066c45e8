"""Times one ONNX encoder on token ids, one text at a time, in whatever ONNX Runtime runs this.

    PYTHON encoder_alone.py MODEL THREADS < ids.json > milliseconds.json

Run by ``ensemble_latency.py`` with the server environment's interpreter, which has numpy and
onnxruntime only.
"""

import json
import sys
import time

import numpy as np
import onnxruntime

WARM_UP = 50


def main(path: str, threads: int) -> None:
    """Read lists of token ids, write milliseconds."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    width = session.get_inputs()[0].shape[1]
    feeds = []
    for ids in json.load(sys.stdin):
        row = np.full((1, width), -1, dtype=np.int64)
        row[0, : len(ids)] = ids
        feeds.append({"INPUT_IDS": row})
    for feed in feeds[:WARM_UP]:
        session.run(["EMBEDDING"], feed)
    taken = []
    for feed in feeds:
        begin = time.perf_counter()
        session.run(["EMBEDDING"], feed)
        taken.append(1e3 * (time.perf_counter() - begin))
    json.dump(taken, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
