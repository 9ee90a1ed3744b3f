"""Checks exported ONNX files: the ONNX checker, and ONNX Runtime's answer against the trainer's and the device's.

Reads the JSON documents that `nestling export --golden --json` printed (paths as arguments); prints one JSON document.
"""

import json
import sys

import numpy
import onnx
import onnxruntime


def relative(ours, theirs):
    """Largest difference of a logit over the largest logit; NaN counts as infinitely wrong."""
    error = numpy.abs(ours.astype(numpy.float64) - theirs).max() / max(numpy.abs(theirs).max(), 1e-300)
    return float(error) if numpy.isfinite(error) else float("inf")


def check(file):
    model = onnx.load(file["path"])
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(file["path"], options, providers=["CPUExecutionProvider"])
    floats = {part: numpy.fromfile(file["golden"][part], dtype="<f4") for part in ("input", "trainer", "device")}
    image = floats["input"].reshape(file["input"])
    logits = session.run(["logits"], {"image": image})[0][0].astype(numpy.float64)
    # The graph says that any number of images will do.
    both = session.run(["logits"], {"image": numpy.concatenate([image, -image])})[0]
    assert both.shape == (2, file["classes"]), both.shape
    return {
        "name": file["name"],
        "child": file["child"],
        "trainer_error": relative(floats["trainer"], logits),
        "device_error": relative(floats["device"], logits),
        "batch_error": relative(both[0], logits),
        "same_top5": sorted(numpy.argsort(-floats["device"])[:5]) == sorted(numpy.argsort(-logits)[:5]),
        "adapter": file["golden"]["adapter"],
    }


def main():
    rows = []
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as document:
            exported = json.load(document)
        for number, file in enumerate(exported["files"], 1):
            print(f"{path}: {number} of {len(exported['files'])}", file=sys.stderr)
            rows.append({"bundle": exported.get("bundle", path), **check(file)})
    json.dump({"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__, "children": rows}, sys.stdout, indent=2)


main()
