"""The schedule of periodic jobs, kept in the database and read by beat."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext
from django_celery_beat import admin as beat_admin
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from clinic_crm.schedule import CHECK, NIGHT

for model in (PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule):
    admin.site.unregister(model)


class TaskSelect(UnfoldAdminSelectWidget, beat_admin.TaskSelectWidget):
    pass


class PeriodicTaskForm(beat_admin.PeriodicTaskForm):
    def __init__(self, *args, **kwargs) -> None:  # type: ignore[no-untyped-def]
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskSelect()


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(beat_admin.PeriodicTaskAdmin, ModelAdmin):
    form = PeriodicTaskForm
    date_hierarchy = None
    show_full_result_count = False
    list_display = ["title", "enabled", "scheduler", "last_run_at", "total_run_count"]
    list_filter = ["enabled"]
    fieldsets = [
        (None, {"fields": ["name", "regtask", "task", "enabled", "description"]}),
        (_("Schedule"), {"fields": ["crontab", "interval", "start_time", "last_run_at", "one_off"]}),
        (_("Arguments"), {"fields": ["args", "kwargs"]}),
    ]
    readonly_fields = ["last_run_at"]

    @admin.display(description=_("name"), ordering="name")
    def title(self, task: PeriodicTask) -> str:
        """Our own jobs in the reader's language: the table knows them by one name."""
        ours = {
            NIGHT: pgettext("periodic job", "Night"),
            CHECK: pgettext("periodic job", "Check of nights"),
            "Dispatch": pgettext("periodic job", "Dispatch"),
            "Counts of campaigns": pgettext("periodic job", "Counts of campaigns"),
            "Counts of rules": pgettext("periodic job", "Counts of rules"),
            "Searches for clusters": pgettext("periodic job", "Searches for clusters"),
            "Check of campaigns": pgettext("periodic job", "Check of campaigns"),
            "Rules": pgettext("periodic job", "Rules"),
        }
        return ours.get(task.name, task.name)


class TasksOfSchedule(beat_admin.PeriodicTaskInline, TabularInline):
    fields = ["name", "task", "enabled"]
    readonly_fields = fields


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(beat_admin.CrontabScheduleAdmin, ModelAdmin):
    inlines = [TasksOfSchedule]
    show_full_result_count = False


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(ModelAdmin):
    inlines = [TasksOfSchedule]
    show_full_result_count = False
