"""Lightning without its notes and tips, and without its hold on Ctrl-C."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_lightning() -> Iterator[None]:
    """Keep Lightning from writing to the terminal, and give Ctrl-C back its usual meaning afterwards.

    Its errors and the warnings that concern a user stay.

    Raises:
        KeyboardInterrupt: If there was one; Lightning makes an exit of it and turns the signal off.
    """
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            # Lightning's use of torch's tree functions; nothing that a user could change.
            warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
            # Nor is how torch lays out the gradients that several processes average.
            warnings.filterwarnings("ignore", message="Grad strides do not match", category=UserWarning)
            yield
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    finally:
        logger.setLevel(level)
        if main:
            signal.signal(signal.SIGINT, handler)
