"""Is the portal alive? For load balancers and monitoring: no login, and no data in the answer.

A worker proves its life by refreshing a key in the broker; asking the workers themselves would take a second per
question and be one more message for a busy worker to answer.
"""

from collections.abc import Callable
from typing import Any

from celery import bootsteps
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

WORKER_ALIVE = "worker-alive"
BEAT_SECONDS = 5
SILENCE_SECONDS = 16  # three beats missed


class WorkerHeartbeat(bootsteps.StartStopStep):
    """Celery step: the worker's own loop refreshes the key, so a loop that hangs falls silent."""

    requires = {"celery.worker.components:Timer"}

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        self.entry: Any = None
        super().__init__(parent, **kwargs)

    def start(self, parent: Any) -> None:
        self.entry = parent.timer.call_repeatedly(BEAT_SECONDS, self.beat)
        self.beat()

    def stop(self, parent: Any) -> None:
        if self.entry:
            self.entry.cancel()

    @staticmethod
    def beat() -> None:
        """Errors are the timer's to log: a broker that is away for a moment must not end the worker."""
        cache.set(WORKER_ALIVE, 1, timeout=SILENCE_SECONDS)


@never_cache
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """200 when database, broker and at least one worker are alive, otherwise 503 naming what is not."""
    broken = [name for name, alive in (("database", _database), ("broker", _broker)) if not _holds(alive)]
    if "broker" in broken or not _holds(_worker):
        broken.append("worker")
    if broken:
        return JsonResponse({"status": "failing", "failing": broken}, status=503)
    return JsonResponse({"status": "ok"})


def _holds(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except Exception:  # whatever the driver raises, the answer is "not alive"
        return False


def _database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone() == (1,)


def _broker() -> bool:
    cache.get(WORKER_ALIVE)
    return True


def _worker() -> bool:
    return cache.get(WORKER_ALIVE) is not None
