"""What Prometheus' client libraries tell of a process; nothing where there is no /proc."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

from .histogram import heading

SELF = Path("/proc/self")


def process_lines() -> Iterator[str]:
    """CPU, memory and open files of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    yield from heading("process_cpu_seconds_total", "counter", "User and system CPU time in seconds.")
    yield f"process_cpu_seconds_total {usage.ru_utime + usage.ru_stime:.6g}"
    if not SELF.exists():
        return
    pages = (SELF / "statm").read_text().split()
    size = os.sysconf("SC_PAGE_SIZE")
    yield from heading("process_resident_memory_bytes", "gauge", "Resident memory in bytes.")
    yield f"process_resident_memory_bytes {int(pages[1]) * size}"
    yield from heading("process_virtual_memory_bytes", "gauge", "Virtual memory in bytes.")
    yield f"process_virtual_memory_bytes {int(pages[0]) * size}"
    yield from heading("process_open_fds", "gauge", "Open file descriptors.")
    yield f"process_open_fds {len(os.listdir(SELF / 'fd'))}"
