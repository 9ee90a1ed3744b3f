"""Packs a built trainer as the wheel `nestling-trainer`: trainer_wheel.py PROGRAM FOLDER VERSION.

The wheel holds one program and no Python; the package `nestling` has the console script that starts it.
"""

import base64
import hashlib
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile

program, folder, version = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
tag = "py3-none-" + sysconfig.get_platform().replace("-", "_").replace(".", "_")
about = f"nestling_trainer-{version}.dist-info"


def stripped(path):
    """The bytes of the program without symbols."""
    with tempfile.TemporaryDirectory() as place:
        copy = pathlib.Path(place) / path.name
        shutil.copy2(path, copy)
        subprocess.run(["strip", "--strip-unneeded", str(copy)], check=True)
        return copy.read_bytes()


metadata = f"""Metadata-Version: 2.3
Name: nestling-trainer
Version: {version}
Summary: Trains, searches and packs the supernets that the package nestling runs
License-Expression: MIT OR Apache-2.0
Requires-Python: >=3.9
Requires-Dist: nestling=={version}
"""
files = {
    "nestling_trainer/__init__.py": b'"""Holds the program `nestling`; the package nestling starts it."""\n',
    f"nestling_trainer/_bin/{program.name}": stripped(program),
    f"{about}/METADATA": metadata.encode(),
    f"{about}/WHEEL": f"Wheel-Version: 1.0\nGenerator: xtask\nRoot-Is-Purelib: false\nTag: {tag}\n".encode(),
}
record = ""
for name, data in files.items():
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    record += f"{name},sha256={digest},{len(data)}\n"
files[f"{about}/RECORD"] = f"{record}{about}/RECORD,,\n".encode()

path = folder / f"nestling_trainer-{version}-{tag}.whl"
with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as wheel:
    for name, data in files.items():
        entry = zipfile.ZipInfo(name)
        entry.compress_type = zipfile.ZIP_DEFLATED
        # A program must be executable; pip keeps that.
        entry.external_attr = (0o100755 if "/_bin/" in name else 0o100644) << 16
        wheel.writestr(entry, data)
