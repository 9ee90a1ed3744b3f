#!/usr/bin/env python3
"""Measures training and the Vulkan runtime on a machine with an NVIDIA GPU that can fetch nothing.

Lies beside bin/, lib/ and fashion-mnist/, as `cargo xtask gpu --pack` gathers them. Needs only Python; libtorch comes from
the machine's PyTorch, or from --libtorch. Takes less than ten minutes, prints a table, and writes summary.json and a log
of each part into --out. With --cpu it does the same with a few steps on the processor: that proves the script, and its
figures mean nothing.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIMIT_S = 570  # for all parts together
TARGETS = {"sandwich_images_per_s": 800.0, "sandwich_over_biggest": 2.05}
MANIFESTS = ["/etc/vulkan/icd.d", "/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT") or "out"), help="folder of the results")
    parser.add_argument("--libtorch", type=Path, help="folder of libtorch_cpu.so [default: that of python3's torch]")
    parser.add_argument("--cpu", action="store_true", help="a few steps on the processor, to prove the script")
    return parser.parse_args()


def find_libtorch():
    ask = "import os, torch; print(os.path.join(os.path.dirname(torch.__file__), 'lib'))"
    answer = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True)
    if answer.returncode != 0:
        sys.exit("error: python3 has no torch here; name the folder of libtorch_cpu.so with --libtorch")
    return Path(answer.stdout.strip().splitlines()[-1])


def library_folders(libtorch):
    """libtorch and the CUDA libraries of the wheels beside it, then what was carried."""
    wheels = [libtorch.resolve().parent.parent, libtorch.parent.parent]
    cuda = sorted({str(folder) for wheel in wheels for folder in wheel.glob("nvidia/*/lib") if folder.is_dir()})
    return [str(libtorch), *cuda, str(HERE / "lib"), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]


def vulkan_manifest(out):
    """A manifest of NVIDIA's driver where the library is there but the system has none, as in many containers."""
    named = os.environ.get("VK_DRIVER_FILES") or os.environ.get("VK_ICD_FILENAMES")
    if named or any(any(Path(folder).glob("nvidia*.json")) for folder in MANIFESTS):
        return None
    known = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True).stdout
    if "libGLX_nvidia.so.0" not in known:
        return None
    manifest = out / "nvidia_icd.json"
    driver = {"library_path": "libGLX_nvidia.so.0", "api_version": "1.3.0"}
    manifest.write_text(json.dumps({"file_format_version": "1.0.0", "ICD": driver}))
    return manifest


class Parts:
    """Runs one program after the other; a part that fails leaves the others alone."""

    def __init__(self, out, environment):
        self.out, self.environment = out, environment
        self.started, self.failed, self.seconds = time.monotonic(), {}, {}

    def run(self, name, program, *words, limit_s):
        """Returns the part's JSON document, or nothing if it failed."""
        left = LIMIT_S - (time.monotonic() - self.started)
        command = [str(HERE / "bin" / program), *map(str, words), "--json"]
        print(f"== {name}: {program} {' '.join(map(str, words))}", flush=True)
        started = time.monotonic()
        with open(self.out / f"{name}.log", "w") as log:
            try:
                done = subprocess.run(
                    command, env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True,
                    timeout=max(1, min(limit_s, left)),
                )
                status, text = done.returncode, done.stdout
            except subprocess.TimeoutExpired:
                status, text = f"not done after {min(limit_s, left):.0f} s", ""
            except OSError as error:
                status, text = str(error), ""
        self.seconds[name] = round(time.monotonic() - started, 1)
        try:
            document = json.loads(text)
        except ValueError:
            document = None
        if status != 0 or document is None:
            said = ((document or {}).get("error") or {}).get("message") or f"exit status {status}; see {name}.log"
            self.fail(name, said)
        return document if status == 0 else None

    def fail(self, name, why):
        print(f"   {name} FAILED: {why}", flush=True)
        self.failed[name] = why


def train(parts, out, cpu):
    """Fashion-MNIST for one epoch of 429 steps, and the bundle of that run."""
    run, data = out / "run", HERE / "fashion-mnist"
    few = out / "few-steps.toml"
    few.write_text("held_out = 59000\nprobe_images = 200\n" if cpu else "")
    trained = parts.run(
        "fashion", "nestling", "train", "--run", run, "--data", data, "--epochs", 1, "--config", few, limit_s=150
    )
    if trained is None:
        return None, None
    if not cpu and "CUDA" not in trained["device"]:
        parts.fail("fashion", f"training ran on the processor: {trained['device']}")
    few = ["--coarse", 12, "--fine", 2, "--random", 0, "--random-held-out", 0, "--children", 3, "--calibration", 500, "--workers", 1]
    bundle = out / "fashion.nestling"
    searched = parts.run("search", "nestling", "search", "--run", run, "--data", data, *few, limit_s=120)
    packed = searched and parts.run(
        "pack", "nestling", "pack", "--run", run, "--data", data, "--output", bundle, limit_s=60
    )
    epoch = trained["epochs"][-1]
    document = {
        "device": trained["device"],
        "steps": trained["train"]["steps"],
        "images_per_s": (epoch.get("gpu") or {}).get("images_per_s"),
        "peak_bytes": (epoch.get("gpu") or {}).get("peak_bytes"),
        "biggest_loss": epoch["biggest_loss"],
        "held_out": {probe["name"]: probe["held_out"] for probe in epoch["probes"]},
    }
    return document, bundle if packed else None


def table1(parts, cpu):
    """Whole steps of Table 1 at 320 px on a made-up batch."""
    measured = {}
    for precision, rounds, limit_s in [("bf16", 4, 150), ("f32", 2, 150)]:
        size = ["--resolution", 320, "--batch", 128, "--steps", 50, "--rounds", rounds]
        if cpu:
            size = ["--resolution", 192, "--batch", 2, "--steps", 1, "--rounds", 1]
        document = parts.run(
            f"table1-{precision}", "nestling", "throughput", "--space", "table1", "--precision", precision, *size,
            limit_s=limit_s,
        )
        if document is not None and not cpu and "CUDA" not in document["device"]:
            parts.fail(f"table1-{precision}", f"it ran on the processor: {document['device']}")
        measured[precision] = document
    return measured


def vulkan(parts, out, bundle, cpu):
    """The device runtime: adapters, golden pictures, times of the demo's children and of Table 1's."""
    seconds = ["--seconds", 1]
    document = {"info": parts.run("vulkan-info", "nestling-device", "--backend", "vulkan", "info", limit_s=30)}
    table = out / "table1-relu6.nestling"
    made = parts.run("init", "nestling", "init", "--space", "table1-relu6", "--output", table, limit_s=60)
    for name, path in [("fashion", bundle), ("table1-relu6", table if made else None)]:
        if path is None:
            continue
        for step, more, limit_s in [("self-test", [], 60), ("bench", seconds, 90)]:
            if step == "self-test" and name != "fashion":
                continue  # random weights have no golden pictures
            words = ["--backend", "vulkan", step, path, *more]
            if step == "bench":
                words.append("--untrained")
            document[f"{name} {step}"] = found = parts.run(
                f"vulkan-{name}-{step}", "nestling-device", *words, limit_s=limit_s
            )
            adapter = ((found or {}).get("device") or {}).get("adapter", "")
            if found and not cpu and "llvmpipe" in adapter.lower():
                parts.fail(f"vulkan-{name}-{step}", f"no driver of the GPU: it ran on {adapter}")
    return document


def met(measured):
    """Whether the targets of bf16 are met; nothing where it was not measured."""
    bf16 = measured.get("bf16")
    if bf16 is None:
        return None
    return {
        "sandwich_images_per_s": bf16["sandwich_images_per_s"] >= TARGETS["sandwich_images_per_s"],
        "sandwich_over_biggest": bf16["sandwich_over_biggest"] <= TARGETS["sandwich_over_biggest"],
    }


def show(summary):
    fashion = summary["fashion"]
    if fashion:
        rate = fashion["images_per_s"]
        print(f"\nFashion-MNIST: {fashion['steps']} steps on {fashion['device']}"
              + (f", {rate:.0f} images per second" if rate else ""))
    print(f"{'Table 1':8} {'sandwich/s':>11} {'biggest/s':>11} {'ratio':>6} {'peak GiB':>9}")
    for precision, one in summary["table1"].items():
        if one is None:
            print(f"{precision:8} not measured")
            continue
        peak = f"{one['peak_bytes'] / 2**30:9.2f}" if one["peak_bytes"] else f"{'-':>9}"
        rates = f"{one['sandwich_images_per_s']:11.1f} {one['biggest_images_per_s']:11.1f}"
        print(f"{precision:8} {rates} {one['sandwich_over_biggest']:6.2f} {peak}")
    for name, why in summary["failed"].items():
        print(f"FAILED {name}: {why}")


def main():
    options = arguments()
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    # A run would go on where an older one stopped, and a bundle of another run is not replaced.
    for old in ["run", "fashion.nestling", "table1-relu6.nestling", "summary.json"]:
        path = out / old
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    environment = dict(os.environ)
    folders = library_folders(options.libtorch.absolute() if options.libtorch else find_libtorch())
    environment["LD_LIBRARY_PATH"] = ":".join(folders)
    manifest = vulkan_manifest(out)
    if manifest:
        environment["VK_DRIVER_FILES"] = str(manifest)
    parts = Parts(out, environment)
    fashion, bundle = train(parts, out, options.cpu)
    measured = table1(parts, options.cpu)
    ask = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    gpu = subprocess.run(ask, capture_output=True, text=True).stdout.strip() if shutil.which("nvidia-smi") else None
    bf16 = measured.get("bf16") or {}
    device = next((one["device"] for one in measured.values() if one), None)
    summary = {
        "device": device,
        "ran_on_gpu": bool(device) and "CUDA" in device,
        "images_per_s": bf16.get("sandwich_images_per_s"),
        "step_over_biggest": bf16.get("sandwich_over_biggest"),
        "roofline_share": bf16.get("roofline_share"),
        "dry_run": options.cpu,
        "gpu": gpu,
        "fashion": fashion,
        "table1": measured,
        "targets": TARGETS,
        "met": None if options.cpu else met(measured),
        "vulkan": vulkan(parts, out, bundle, options.cpu),
        "failed": parts.failed,
        "seconds": parts.seconds,
        "wall_s": round(time.monotonic() - parts.started, 1),
    }
    path = out / "summary.json"
    path.write_text(json.dumps(summary, indent=2) + "\n")
    show(summary)
    print(f"written to {path}")
    return 1 if parts.failed else 0


if __name__ == "__main__":
    sys.exit(main())
