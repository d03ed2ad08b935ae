"""A learned interval becomes the one set by hand; one set without a rhythm is taken away."""

from django.db import transaction

from patients.models import Service
from segmentation.selectors.cycles import learned_of


class NotLearnedError(ValueError):
    """There is no learned interval of so many days (any more)."""


class NotSetError(ValueError):
    """The interval set by hand is not of so many days (any more)."""


def take(service_id: int, days: int) -> None:
    """Set the learned interval of everybody as the recall interval; the next night counts due dates with it.

    `days` is what the person saw: a night that learned another figure in between must not change what they decided.
    """
    with transaction.atomic():
        service = Service.objects.select_for_update().get(pk=service_id)
        learned = learned_of(service)
        if learned is None or learned.everybody.days != days:
            raise NotLearnedError(service_id)
        service.recall_days = days
        service.save(update_fields=["recall_days", "updated_at"])


def clear(service_id: int, days: int) -> None:
    """No interval is set any more; the next night's due dates follow the learned one where there is a rhythm, or none.

    `days` is what the person saw. Asked twice it is done once and says so both times.
    """
    with transaction.atomic():
        service = Service.objects.select_for_update().get(pk=service_id)
        if service.recall_days is None:
            return
        if service.recall_days != days:
            raise NotSetError(service_id)
        service.recall_days = None
        service.save(update_fields=["recall_days", "updated_at"])
