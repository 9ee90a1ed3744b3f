"""The programs `nestling-device` and `nestling`: each becomes the process of its console script."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata, util
from pathlib import Path
from typing import Dict, List, NoReturn, Optional

# The release whose libraries the trainer links.
TORCH = "2.11"
_SUFFIX = ".exe" if os.name == "nt" else ""


def device() -> NoReturn:
    """Runs `nestling-device`, which measures this device, chooses, classifies and reports."""
    program = _program("nestling", "nestling-device")
    if program is None:
        _fail("nestling-device", "this installation has no program: install a wheel that `cargo xtask python` built")
    _become(program, dict(os.environ))


def trainer() -> NoReturn:
    """Runs `nestling`, which trains a supernet, searches it and packs the bundle, with the libraries of torch."""
    program = _program("nestling_trainer", "nestling")
    if program is None:
        _fail("nestling", "the trainer is not installed: install the wheel nestling-trainer of the same version")
    libraries = _torch_libraries()
    environment = dict(os.environ)
    before = environment.get("LD_LIBRARY_PATH")
    environment["LD_LIBRARY_PATH"] = os.pathsep.join([str(libraries), before] if before else [str(libraries)])
    _become(program, environment)


def _program(package: str, name: str) -> Optional[Path]:
    """The program that a package holds, which is not imported."""
    folder = _folder(package)
    program = None if folder is None else folder / "_bin" / (name + _SUFFIX)
    return program if program is not None and program.is_file() else None


def _folder(package: str) -> Optional[Path]:
    found = util.find_spec(package)
    places: List[str] = list(found.submodule_search_locations or []) if found is not None else []
    return Path(places[0]) if places else None


def _torch_libraries() -> Path:
    """The folder of torch's libraries; importing torch would take seconds."""
    advice = f"pip install 'torch=={TORCH}.*'"
    folder = _folder("torch")
    if folder is None:
        _fail("nestling", f"the trainer needs PyTorch {TORCH}, and none is installed beside it: {advice}")
    try:
        version = metadata.version("torch")
    except metadata.PackageNotFoundError:
        version = "unknown"
    if not version.startswith(f"{TORCH}."):
        _fail("nestling", f"the trainer needs PyTorch {TORCH}, but {folder} is version {version}: {advice}")
    libraries = folder / "lib"
    if not any(libraries.glob("*torch_cpu*")):
        _fail("nestling", f"{libraries} holds no libtorch_cpu: {advice}")
    return libraries


def _become(program: Path, environment: Dict[str, str]) -> NoReturn:
    arguments = [str(program), *sys.argv[1:]]
    if os.name == "nt":
        # There, a process that is replaced leaves its console to the shell.
        sys.exit(subprocess.run(arguments, env=environment, check=False).returncode)
    os.execve(program, arguments, environment)


def _fail(name: str, message: str) -> NoReturn:
    sys.exit(f"{name}: {message}")
