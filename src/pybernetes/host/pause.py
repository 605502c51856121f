"""The image of the process that holds a pod's namespaces: Debian's static catatonit, made into an image here.

`catatonit -P` waits, ends on SIGTERM and reaps orphans (which matters where a pod shares its process namespace).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from .ociimage import ARCHITECTURES, ImageConfig, write_archive

PAUSE_IMAGE = "registry.k8s.io/pause:3.10"
PROGRAM = "catatonit"


def write_pause(archive: Path, search_path: str) -> None:
    """Writes the image as an archive to import. Raises FileNotFoundError where catatonit is not installed."""
    program = shutil.which(PROGRAM, path=search_path)
    if program is None:
        raise FileNotFoundError(
            f"{PROGRAM} is not installed: it is the process that holds a pod's namespaces"
        )
    machine = os.uname().machine
    config = ImageConfig(entrypoint=(f"/{PROGRAM}", "-P"), architecture=ARCHITECTURES.get(machine, machine))
    with tempfile.TemporaryDirectory() as root:
        shutil.copy(program, Path(root) / PROGRAM)
        write_archive(archive, PAUSE_IMAGE, Path(root), config)
