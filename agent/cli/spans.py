"""Times on the command line: bounded, and over with the process that was told to end."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final

_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)
"""What a service manager sends, and a terminal that is closed."""


def seconds(most_s: float) -> Callable[[str], float]:
    """What reads so many seconds, above 0; argparse tells what is wrong."""

    def read(text: str) -> float:
        with contextlib.suppress(ValueError):
            given_s = float(text)
            if math.isfinite(given_s) and 0 < given_s <= most_s:
                return given_s
        raise ArgumentTypeError(
            f"应为大于 0、不超过 {most_s:g} 的秒数 / must be seconds above 0, at most {most_s:g}"
        )

    return read


@contextlib.contextmanager
def ended_as_by_hand() -> Iterator[None]:
    """Whoever ends the process inside ends it as Ctrl+C does, once: what is held open is given back, and that
    is not cut short by a second signal. One that is ignored (``nohup``) stays so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came = False

    def end(_number: int, _frame: FrameType | None) -> None:
        nonlocal came
        if not came:
            came = True
            raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in _ENDING}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
