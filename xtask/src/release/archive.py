"""Packs files in the same bytes each time: archive.py FOLDER FILE..., or archive.py --sums FOLDER.

A FILE is a .zip, .aar or .tar.gz of all that is in FOLDER. Sums are those that `sha256sum --check` reads.
"""

import gzip
import hashlib
import os
import pathlib
import sys
import tarfile
import zipfile


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def is_program(path):
    return os.access(path, os.X_OK)


def make_zip(folder, file):
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in files(folder):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), (1980, 1, 1, 0, 0, 0))
            entry.external_attr = (0o100755 if is_program(path) else 0o100644) << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, 9)


def make_tar(folder, file):
    with open(file, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for path in files(folder):
                entry = tarfile.TarInfo(path.relative_to(folder).as_posix())
                entry.size, entry.mode = path.stat().st_size, 0o755 if is_program(path) else 0o644
                with open(path, "rb") as content:
                    archive.addfile(entry, content)


def sums(folder):
    paths = [path for path in files(folder) if path.name != "SHA256SUMS"]
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n" for path in paths]
    (folder / "SHA256SUMS").write_text("".join(lines))


if sys.argv[1] == "--sums":
    sums(pathlib.Path(sys.argv[2]))
else:
    for name in sys.argv[2:]:
        make = make_tar if name.endswith(".tar.gz") else make_zip
        make(pathlib.Path(sys.argv[1]), name)
