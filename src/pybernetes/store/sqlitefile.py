"""The file behind `SqliteStore`: format, checks, lock. Plain blocking code, all of it run on one writer thread.

One row holds the present version of one key and a CRC-32 over all of it. History is not kept on disk: a store that is
opened knows every value and the revision, and its readers list anew, as they do after a compaction.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from .types import Corrupt, KeyValue, Lease, Locked, StoreError, Unavailable

FORMAT = 1
"""Number of the file's layout, in `PRAGMA user_version`. Another number is refused, never guessed at."""
APPLICATION_ID = 0x70796265
"""Marks the file as ours ("pybe"), in `PRAGMA application_id`."""

SCHEMA = f"""
    CREATE TABLE kv (key TEXT PRIMARY KEY, value BLOB NOT NULL, created INTEGER NOT NULL, modified INTEGER NOT NULL,
                     version INTEGER NOT NULL, lease INTEGER NOT NULL, crc INTEGER NOT NULL);
    CREATE TABLE lease (id INTEGER PRIMARY KEY, ttl INTEGER NOT NULL);
    CREATE TABLE meta (name TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO meta VALUES ('revision', 1);
    PRAGMA application_id = {APPLICATION_ID};
    PRAGMA user_version = {FORMAT};
"""


@dataclass(frozen=True, slots=True)
class Group:
    """What one commit makes durable: the last version of each key changed (None: deleted), and of each lease."""

    revision: int
    kvs: Mapping[str, KeyValue | None]
    leases: Mapping[int, Lease | None]


@dataclass(frozen=True, slots=True)
class Loaded:
    revision: int
    kvs: Sequence[KeyValue]
    leases: Sequence[Lease]


def checksum(kv: KeyValue) -> int:
    """CRC-32 of the whole record, so that no field of a row can change unnoticed."""
    head = f"{kv.key}\0{kv.create_revision}\0{kv.mod_revision}\0{kv.version}\0{kv.lease}\0"
    return zlib.crc32(kv.value, zlib.crc32(head.encode()))


class SqliteFile:
    """An open, locked file. Used from one thread."""

    def __init__(self, path: str) -> None:
        """Opens or creates it. Raises Locked, Corrupt (not ours, or damaged), Unavailable (cannot be opened)."""
        self.path = path
        self._lock = _lock(f"{path}.lock")
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        except sqlite3.DatabaseError as error:
            os.close(self._lock)
            raise _translate(path, error) from error
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            self.close()
            raise _translate(path, error) from error
        except StoreError:
            self.close()
            raise

    def _prepare(self) -> None:
        db = self._db
        # FULL: a commit returns when the log is on the disk. EXCLUSIVE spares the shared-memory index: the lock
        # beside the file keeps others out anyway.
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA cache_size = -2048")
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
        (tables,) = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if not tables:
            db.executescript(f"BEGIN; {SCHEMA} COMMIT;")
        elif application != APPLICATION_ID:
            raise Corrupt(f"{self.path} is a SQLite file, but not a store of this program")
        elif version != FORMAT:
            raise Corrupt(f"{self.path} has format {version}; this program reads and writes format {FORMAT}")

    def load(self) -> Loaded:
        """Everything in the file, each record checked. Raises Corrupt, naming the first bad record."""
        try:
            row = self._db.execute("SELECT number FROM meta WHERE name = 'revision'").fetchone()
            if row is None:
                raise Corrupt(f"{self.path}: the store's revision is missing")
            revision = int(row[0])
            rows = self._db.execute("SELECT key, value, created, modified, version, lease, crc FROM kv")
            kvs = [self._checked(row, revision) for row in rows]
            leases = [Lease(*row) for row in self._db.execute("SELECT id, ttl FROM lease")]
        except sqlite3.DatabaseError as error:
            raise _translate(self.path, error) from error
        return Loaded(revision, kvs, leases)

    def _checked(self, row: tuple[str, bytes, int, int, int, int, int], revision: int) -> KeyValue:
        kv = KeyValue(*row[:6])
        if not isinstance(kv.value, bytes) or checksum(kv) != row[6]:
            raise Corrupt(f'{self.path}: record "{kv.key}" is damaged (its checksum does not match)')
        if kv.mod_revision > revision:
            raise Corrupt(
                f'{self.path}: record "{kv.key}" has revision {kv.mod_revision}, the store only {revision}'
            )
        return kv

    def commit(self, group: Group) -> None:
        """Writes a group and waits for the disk. Where it raises Unavailable, `revision` tells what is there."""
        db = self._db
        kept = [kv for kv in group.kvs.values() if kv is not None]
        try:
            db.execute("BEGIN IMMEDIATE")
            if gone := [(key,) for key, kv in group.kvs.items() if kv is None]:
                db.executemany("DELETE FROM kv WHERE key = ?", gone)
            for start, size in _pieces(len(kept)):
                db.execute(_upsert(size), [value for kv in kept[start : start + size] for value in _row(kv)])
            for lease_id, lease in group.leases.items():
                if lease is None:
                    db.execute("DELETE FROM lease WHERE id = ?", (lease_id,))
                else:
                    db.execute("INSERT OR REPLACE INTO lease VALUES (?, ?)", (lease.id, lease.ttl))
            db.execute("UPDATE meta SET number = ? WHERE name = 'revision'", (group.revision,))
            db.execute("COMMIT")
        except BaseException as error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise Unavailable(f"{self.path}: cannot write: {error}") from error
            raise

    def revision(self) -> int | None:
        """The revision on disk; None where it cannot be read."""
        try:
            (revision,) = self._db.execute("SELECT number FROM meta WHERE name = 'revision'").fetchone()
        except sqlite3.Error:
            return None
        return int(revision)

    def close(self) -> None:
        self._db.close()
        os.close(self._lock)


MOST_ROWS = 64
"""Rows written by one statement at most. Every statement costs a turn of the interpreter's lock, for which the writer
thread queues behind a loop that is busy: sixteen rows in one take a tenth of the time that they take one by one."""


def _pieces(count: int) -> Iterator[tuple[int, int]]:
    """(start, size) of the statements that write so many rows; sizes are powers of two, so that there are few of them
    to prepare."""
    start = 0
    while start < count:
        size = min(MOST_ROWS, 1 << ((count - start).bit_length() - 1))
        yield start, size
        start += size


@lru_cache(maxsize=MOST_ROWS.bit_length())
def _upsert(rows: int) -> str:
    return (
        f"INSERT INTO kv VALUES {', '.join(['(?, ?, ?, ?, ?, ?, ?)'] * rows)}"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value, created = excluded.created,"
        " modified = excluded.modified, version = excluded.version, lease = excluded.lease, crc = excluded.crc"
    )


def _row(kv: KeyValue) -> tuple[str, bytes, int, int, int, int, int]:
    return (*kv, checksum(kv))


def _lock(path: str) -> int:
    """Takes the lock for as long as the returned descriptor is open; the kernel frees it when the process dies."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unavailable(f"cannot open {path}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        message = f"{path.removesuffix('.lock')} is in use by another store (process {holder})"
        raise Locked(message) from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


def _translate(path: str, error: sqlite3.DatabaseError) -> StoreError:
    if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode != sqlite3.SQLITE_CORRUPT:
        return Unavailable(f"{path}: {error}")
    return Corrupt(f"{path} is damaged: {error}")
