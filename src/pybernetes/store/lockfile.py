"""The lock beside a store's files: one process at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os

from .types import Locked, Unavailable


def take(path: str, what: str) -> int:
    """Takes the lock for as long as the returned descriptor is open; the kernel frees it when the process dies. Raises
    Locked (says which process has `what`), Unavailable."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unavailable(f"cannot open {path}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise Locked(f"{what} is in use by another store (process {holder})") from None
    except OSError as error:
        os.close(descriptor)
        raise Unavailable(f"cannot lock {path}: {error.strerror}") from error
    # The lock holds without it; on a full disk the next one is not told who has it.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor
