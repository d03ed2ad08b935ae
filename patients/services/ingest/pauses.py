"""No walks of the cycle collector while a bulk request is read and taken."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_pauses() -> Iterator[None]:
    """Tens of thousands of new objects, none in a cycle, would make it walk the whole heap several times for nothing.

    Reference counts free them as ever, so memory does not grow.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
