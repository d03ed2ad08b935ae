"""Figures that only nights change: counted once, then kept until the next night.

While one reader's request counts, the others are told to ask again: nothing is counted twice at once.
"""

import datetime as dt
import logging
from collections.abc import Callable
from typing import Any

from django.core.cache import cache
from django.db.models import Max
from redis.exceptions import RedisError

from segmentation.models import NightlyRun

log = logging.getLogger(__name__)

KEPT_SECONDS = 36 * 3600
LONGEST_COUNT = 120  # seconds; whoever counts longer than this has died


def since_night(today: dt.date) -> str:
    """A part of a key that changes with every finished night and with the day."""
    night = NightlyRun.objects.filter(state=NightlyRun.State.DONE).aggregate(last=Max("finished_at"))["last"]
    return f"{today}:{night.timestamp() if night else 0}"


def kept(key: str, count: Callable[[], Any]) -> Any:
    """What was counted since the last night; without the cache it is counted again."""
    found = ready(key)
    if found is not None:
        return found
    found = count()
    try:
        cache.set(key, found, KEPT_SECONDS)
    except RedisError as problem:
        log.warning("figures are not kept: %s", type(problem).__name__)
    return found


def ready(key: str) -> Any:
    """What is kept under the key, None when it has to be counted."""
    try:
        return cache.get(key)
    except RedisError as problem:
        log.warning("figures are not kept: %s", type(problem).__name__)
        return None


def kept_unless_counting(key: str, count: Callable[[], Any]) -> Any:
    """The same; None while somebody else is counting."""
    found = ready(key)
    if found is not None:
        return found
    try:
        mine = cache.add(f"{key}:counting", 1, LONGEST_COUNT)
    except RedisError:
        mine = True
    if not mine:
        return None
    try:
        return kept(key, count)
    finally:
        try:
            cache.delete(f"{key}:counting")
        except RedisError:
            log.warning("the next reader waits for nothing: the cache is away")
