"""Runs the ONNX checker on exported files and compares ONNX Runtime's logits with the trainer's and the device's.

Reads the JSON documents that `nestling export --golden --json` printed (paths as arguments); prints one JSON document.
"""

import json
import sys

import numpy
import onnx
import onnxruntime


def relative(ours, theirs):
    """Returns the largest difference of a logit over the largest logit; infinity if a logit is not finite."""
    error = numpy.abs(ours.astype(numpy.float64) - theirs).max() / max(numpy.abs(theirs).max(), 1e-300)
    return float(error) if numpy.isfinite(error) else float("inf")


def top5(logits):
    return [int(index) for index in numpy.argsort(-logits, kind="stable")[:5]]


def check(bundle, file):
    """Yields one row for each input of one child."""
    onnx.checker.check_model(onnx.load(file["path"]), full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(file["path"], options, providers=["CPUExecutionProvider"])
    for golden in file["golden"]:
        floats = {part: numpy.fromfile(golden[part], dtype="<f4") for part in ("input", "trainer", "device")}
        image = floats["input"].reshape(file["input"])
        logits = session.run(["logits"], {"image": image})[0][0].astype(numpy.float64)
        # The graph accepts any number of images.
        both = session.run(["logits"], {"image": numpy.concatenate([image, -image])})[0]
        assert both.shape == (2, file["classes"]), both.shape
        yield {
            "bundle": bundle,
            "name": file["name"],
            "child": file["child"],
            "picture": golden["picture"],
            "trainer_error": relative(floats["trainer"], logits),
            "device_error": relative(floats["device"], logits),
            "batch_error": relative(both[0], logits),
            "same_top5": top5(floats["device"]) == top5(logits),
            "adapter": file["adapter"],
        }


def main():
    rows = []
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as document:
            exported = json.load(document)
        for number, file in enumerate(exported["files"], 1):
            print(f"checking {exported['bundle']}: {number} of {len(exported['files'])}", file=sys.stderr)
            rows.extend(check(exported["bundle"], file))
    document = {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__, "answers": rows}
    json.dump(document, sys.stdout, indent=2)


main()
