"""Identifiers that sort by the time they were made."""

import os
import threading
import time
import uuid

_lock = threading.Lock()
_last_tick = 0


def uuid7() -> uuid.UUID:
    """Return a version 7 UUID (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then 12 bits
    that count within the millisecond, then 62 random bits. Within a process each is greater than
    the one before. Python has its own from 3.14 on, PostgreSQL from 18 on.
    """
    tick = _next_tick()
    milliseconds, fraction = tick >> 12, tick & 0xFFF
    random = int.from_bytes(os.urandom(8)) & ((1 << 62) - 1)
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | random)


def _next_tick() -> int:
    """Return the time in 1/4096 milliseconds, always later than the last one returned."""
    global _last_tick
    now = (time.time_ns() << 12) // 1_000_000
    with _lock:
        _last_tick = max(now, _last_tick + 1)
        return _last_tick
