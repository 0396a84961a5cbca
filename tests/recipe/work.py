"""Work for processes beside that of the cycle: they import this, so there is nothing else in it."""

import os
import signal
from collections.abc import Callable
from functools import partial

ITEMS = list(range(40))


def double(_: int, item: int) -> int:
    return 2 * item


def doubler(given: int) -> Callable[[int], int]:
    return partial(double, given)


def refuse(item: int) -> int:
    if item % 2:
        raise ValueError("odd")
    return item


def refuser() -> Callable[[int], int]:
    return refuse


def signalled(number: int, item: int) -> int:
    if item == ITEMS[-1] and os.getpid() != number:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def killed(parent: int) -> Callable[[int], int]:
    return partial(signalled, parent)


def stops(item: int) -> int:
    os.kill(os.getpid(), signal.SIGSTOP)
    return item


def stopper() -> Callable[[int], int]:
    return stops


def asked(base: int, ask: Callable[[int], int], item: int) -> int:
    return base + ask(item) + ask(-item)


def asker(base: int, ask: Callable[[int], int]) -> Callable[[int], int]:
    return partial(asked, base, ask)
