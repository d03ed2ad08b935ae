"""Requests per minute and integration, counted in Valkey."""

import logging
import time
from typing import TYPE_CHECKING

from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from patients.models import Integration

if TYPE_CHECKING:  # rest_framework.views itself loads this module, by its settings
    from rest_framework.views import APIView

log = logging.getLogger(__name__)
MINUTE = 60


class IntegrationThrottle(BaseThrottle):
    """A fixed window of one minute. Without Valkey nobody is throttled: losing facts would be worse than haste."""

    def allow_request(self, request: Request, view: "APIView") -> bool:
        if not isinstance(request.auth, Integration):
            return True
        window = int(time.time()) // MINUTE
        key = f"throttle:{request.auth.pk}:{window}"
        try:
            cache.add(key, 0, timeout=2 * MINUTE)
            return cache.incr(key) <= request.auth.requests_per_minute
        except (RedisError, ValueError) as problem:
            log.warning("requests are not counted: %s", type(problem).__name__)
            return True

    def wait(self) -> float:
        return MINUTE - time.time() % MINUTE
