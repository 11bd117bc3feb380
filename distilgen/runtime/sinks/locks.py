"""The operating system's lock on an open file: let go of when its holder dies, however it dies."""

from __future__ import annotations

import os
import sys

if sys.platform == "win32":
    import msvcrt

    _FAR = 0x7FFF0000
    """A byte behind everything that is written: a lock of Windows keeps readers from its bytes."""

    def try_lock(descriptor: int) -> bool:
        """Lock an open file, unless another process holds it; is it ours? Raises OSError."""
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True
else:
    import fcntl

    def try_lock(descriptor: int) -> bool:
        """Lock an open file, unless another process holds it; is it ours? Raises OSError.

        The lock belongs to the open file and not to the process: a forked child shares it, and
        closing the child's descriptor leaves the parent its lock.
        """
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
