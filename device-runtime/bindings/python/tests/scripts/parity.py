"""Classifies raw RGBA frames and prints each one's logits: `cargo xtask bindings` compares them with Rust's.

    parity.py BUNDLE FRAMES WIDTH HEIGHT

Prints one JSON line for each frame, and last the time of the cheapest call, and of a classification above the time of
Rust's work in it. The first frame is answered by the active child, all others by the one with the most multiply-adds.
"""

import json
import pathlib
import statistics
import sys
import time

import nestling

CALLS = 2000
CLASSIFICATIONS = 65
ROUNDS = 5  # the fastest counts, because other programs slow the others down

bundle, path, width, height = sys.argv[1:]
shape = (int(height), int(width), 4)
frames = memoryview(pathlib.Path(path).read_bytes())
size = shape[0] * shape[1] * shape[2]

with nestling.Runtime(bundle) as runtime:
    for start in range(0, len(frames), size):
        frame = frames[start : start + size].cast("B", shape)
        print(json.dumps({"logits": runtime.logits(frame)}), flush=True)
        if start == 0:
            runtime.switch_to(runtime.children[-1])
    rounds = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for _ in range(CALLS):
            runtime.active
        rounds.append(time.perf_counter() - begin)
    above = []
    for _ in range(CLASSIFICATIONS):
        begin = time.perf_counter()
        answer = runtime.classify(frame, top=1)
        above.append((time.perf_counter() - begin) * 1e6 - answer.milliseconds * 1e3)
    microseconds = {"call_overhead_us": min(rounds) * 1e6 / CALLS, "classify_overhead_us": statistics.median(above)}
    print(json.dumps({"call": "active", **microseconds}))
