"""What beat starts and when. Created once; afterwards the administrator's edits hold."""

import json
from typing import Any

from django.conf import settings

NIGHT, CHECK = "Night", "Check of nights"
# Name, task, seconds between two starts. A start nobody has taken up by the next one is dropped: they never pile up.
OFTEN = (
    ("Dispatch", "campaigns.tasks.dispatch_due", 5),
    ("Counts of campaigns", "campaigns.tasks.refresh_counts", 10),
    ("Check of campaigns", "campaigns.tasks.sweep", 60),
    ("Rules", "triggers.tasks.fire", 15),
    ("Counts of rules", "triggers.tasks.refresh_counts", 60),
    ("Searches for clusters", "segmentation.tasks.sweep_searches", 60),
)


def ensure_schedule(**_kwargs: Any) -> None:
    """Create the periodic tasks that are missing. Connected to `post_migrate`; safe to call at any time."""
    from django.db import connection
    from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

    # Beat's own tables have just been migrated to zero.
    if PeriodicTask._meta.db_table not in connection.introspection.table_names():
        return
    if not PeriodicTask.objects.filter(name=NIGHT).exists():
        at_three, _created = CrontabSchedule.objects.get_or_create(
            minute="0", hour="3", day_of_week="*", day_of_month="*", month_of_year="*", timezone=settings.TIME_ZONE
        )
        PeriodicTask.objects.get_or_create(
            name=NIGHT, defaults={"task": "clinic_crm.tasks.begin_night", "crontab": at_three, "args": json.dumps([])}
        )
    if not PeriodicTask.objects.filter(name=CHECK).exists():
        often, _created = IntervalSchedule.objects.get_or_create(every=5, period=IntervalSchedule.MINUTES)
        PeriodicTask.objects.get_or_create(
            name=CHECK, defaults={"task": "clinic_crm.tasks.check_nights", "interval": often, "args": json.dumps([])}
        )
    for name, task, seconds in OFTEN:
        if not PeriodicTask.objects.filter(name=name).exists():
            every, _created = IntervalSchedule.objects.get_or_create(every=seconds, period=IntervalSchedule.SECONDS)
            PeriodicTask.objects.get_or_create(
                name=name, defaults={"task": task, "interval": every, "args": "[]", "expire_seconds": seconds}
            )
