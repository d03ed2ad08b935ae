"""A learned interval becomes the one set by hand."""

from django.db import transaction

from patients.models import Service
from segmentation.selectors.cycles import learned_of


class NotLearnedError(ValueError):
    """There is no learned interval of so many days (any more)."""


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
