"""What the C library keeps of memory that is free again."""

from __future__ import annotations

import ctypes
import os
import platform

_M_MMAP_THRESHOLD = -3
_LARGE = 1 << 20


def give_back_large_blocks() -> None:
    """Have the C library give blocks of 1 MiB or more back to the system as soon as they are free.

    glibc keeps free blocks of up to 32 MiB to itself once it has seen some, in case that they are asked for
    again. The tensors of a sampled batch have other sizes than those of the last one, so that few of them
    fit, and a training comes to hold several times what it uses. It is a setting of the process, which the
    environment variable ``MALLOC_MMAP_THRESHOLD_`` overrules; other C libraries have no need of it.
    """
    if platform.libc_ver()[0] == "glibc" and "MALLOC_MMAP_THRESHOLD_" not in os.environ:
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)
