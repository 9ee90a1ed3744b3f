"""Unpacks files out of the wheels in argv[1] into argv[2].

The rest are the files' paths, or `cpu` or `cuda` for what libtorch consists of: taking files by name instead of
installing, because the torch wheel is 1.1 GB unpacked, of which a CPU needs 0.5.
"""

import pathlib
import sys
import zipfile

wheels, out, names = pathlib.Path(sys.argv[1]), sys.argv[2], set(sys.argv[3:])

# What libtorch_cpu.so needs at load time (readelf -d). It is the CUDA build, so that one binary serves both devices:
# it names the CUDA runtime and the profiler even where neither is ever called.
CPU = {"libtorch_cpu.so", "libc10.so", "libgomp.so.1", "libcudart.so.13", "libcupti.so.13"}
# Only Python needs these.
NEVER = {"libtorch_python.so", "libshm.so"}


def wanted(path):
    if not names & {"cpu", "cuda"}:
        return str(path) in names
    if path.parts[:2] == ("torch", "include"):
        return True
    if path.parts[:2] == ("torch", "lib") or (path.parts[0] == "nvidia" and "lib" in path.parts):
        return path.name in CPU if "cpu" in names else ".so" in path.name and path.name not in NEVER
    return False


for wheel in sorted(wheels.glob("*.whl")):
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            if not member.is_dir() and wanted(pathlib.PurePosixPath(member.filename)):
                archive.extract(member, out)
    wheel.unlink()  # at once: the full set is large, and nothing reads it again
