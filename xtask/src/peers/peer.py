"""Runs one engine on one network, prints one JSON document and writes the logits.

load_*   read the model, make the network and its pipelines
first_*  the first inference, tensor in to logits out
cpu_ms   process CPU time of all threads for one inference, median: the cost on a software Vulkan driver
"""

import argparse
import json
import statistics
import sys
import time

import numpy

WARM_UPS = 1  # after the first run
MIN_RUNS = 3


def ncnn_vulkan(model, image, adapter, f16):
    """Sets only the options that choose device, threads and precision; the others keep ncnn's defaults."""
    import ncnn

    names = [ncnn.get_gpu_info(index).device_name() for index in range(ncnn.get_gpu_count())]
    if adapter not in names:
        sys.exit(f"ncnn sees no adapter {adapter!r}, only {names}")

    def load():
        network = ncnn.Net()
        network.opt.use_vulkan_compute = True
        network.opt.num_threads = 1
        network.opt.use_fp16_packed = network.opt.use_fp16_storage = network.opt.use_fp16_arithmetic = f16
        network.set_vulkan_device(names.index(adapter))
        if network.load_param(model + ".ncnn.param") or network.load_model(model + ".ncnn.bin"):
            sys.exit(f"ncnn cannot load {model}")

        def run():
            extractor = network.create_extractor()
            extractor.input("in0", ncnn.Mat(image))
            code, logits = extractor.extract("out0")
            if code:
                sys.exit(f"ncnn cannot run {model}: {code}")
            return numpy.array(logits).reshape(-1)

        return run

    return ncnn.__version__, load


def onnxruntime_cpu(model, image):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3

    def load():
        session = onnxruntime.InferenceSession(model + ".onnx", options, providers=["CPUExecutionProvider"])
        return lambda: session.run(["logits"], {"image": image[None]})[0].reshape(-1)

    return onnxruntime.__version__, load


def spent(work):
    """Returns the result of work, its wall milliseconds and its CPU milliseconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, (time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("engine", choices=["ncnn-f32", "ncnn-f16", "onnxruntime"])
    parser.add_argument("model", help="path without .onnx, .ncnn.param and .ncnn.bin")
    parser.add_argument("input", help="raw f32, three channels of a square image")
    parser.add_argument("logits", help="file to write")
    parser.add_argument("--adapter", help="name of the Vulkan adapter")
    parser.add_argument("--seconds", type=float, help="about how long to time; without it, only the first run")
    options = parser.parse_args()
    image = numpy.fromfile(options.input, dtype="<f4")
    side = round((image.size / 3) ** 0.5)
    image = image.reshape(3, side, side)
    if options.engine == "onnxruntime":
        version, load = onnxruntime_cpu(options.model, image)
    else:
        version, load = ncnn_vulkan(options.model, image, options.adapter, options.engine == "ncnn-f16")

    run, load_wall, load_cpu = spent(load)
    logits, first_wall, first_cpu = spent(run)
    logits.astype("<f4").tofile(options.logits)
    document = {
        "version": version,
        "load_ms": load_wall,
        "load_cpu_ms": load_cpu,
        "first_ms": first_wall,
        "first_cpu_ms": first_cpu,
    }
    if options.seconds is not None:
        for _ in range(WARM_UPS):
            run()
        walls, cpus = [], []
        until = time.perf_counter() + options.seconds
        while len(walls) < MIN_RUNS or time.perf_counter() < until:
            _, wall, cpu = spent(run)
            walls.append(wall)
            cpus.append(cpu)
        document |= {"p50_ms": statistics.median(walls), "cpu_ms": statistics.median(cpus), "runs": len(walls)}
    json.dump(document, sys.stdout)


main()
