import datetime

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("campaigns", "0012_about_visit"),
        ("patients", "0013_packages_slots_changes"),
        ("segmentation", "0005_own_segments"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="TriggerRule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120, verbose_name="name")),
                ("name_en", models.CharField(blank=True, max_length=120, verbose_name="name in English")),
                ("description", models.TextField(blank=True, verbose_name="description")),
                ("description_en", models.TextField(blank=True, verbose_name="description in English")),
                ("code", models.SlugField(max_length=60, unique=True, verbose_name="code")),
                ("rule_type", models.CharField(max_length=30, verbose_name="type")),
                ("params", models.JSONField(blank=True, default=dict, verbose_name="settings")),
                (
                    "purpose",
                    models.CharField(
                        choices=[("service", "service messages"), ("marketing", "advertising")],
                        default="marketing",
                        max_length=10,
                        verbose_name="purpose",
                    ),
                ),
                (
                    "goal",
                    models.CharField(
                        choices=[
                            ("none", "nothing: every message is sent"),
                            ("visit", "any appointment"),
                            ("service", "an appointment for the service it is about"),
                            ("group", "an appointment for a service of a group"),
                        ],
                        default="visit",
                        help_text="Looked at again before every message; an appointment that is cancelled lets the ladder go on.",
                        max_length=10,
                        verbose_name="stops when there is",
                    ),
                ),
                (
                    "priority",
                    models.SmallIntegerField(
                        default=0,
                        help_text="Of two rules with a message for one patient the higher one is first.",
                        verbose_name="priority",
                    ),
                ),
                (
                    "holdout_percent",
                    models.PositiveSmallIntegerField(
                        default=10,
                        help_text="A random part that gets nothing, to compare with.",
                        verbose_name="hold-out, %",
                    ),
                ),
                ("salt", models.CharField(blank=True, editable=False, max_length=32)),
                (
                    "cooldown_days",
                    models.PositiveSmallIntegerField(
                        default=0,
                        help_text="Counted between the first messages of two ladders.",
                        verbose_name="not again within, days",
                    ),
                ),
                (
                    "window_days",
                    models.PositiveSmallIntegerField(
                        default=30,
                        help_text="Visits and payments of so many days count.",
                        verbose_name="results within, days",
                    ),
                ),
                (
                    "send_at",
                    models.TimeField(
                        default=datetime.time(10, 0),
                        help_text="By the clock of the patient's branch.",
                        verbose_name="time of day",
                    ),
                ),
                (
                    "per_day",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="The others wait for the next day while their message is of use. Empty: no limit.",
                        null=True,
                        verbose_name="new ladders a day at a branch",
                    ),
                ),
                (
                    "by_capacity",
                    models.BooleanField(
                        default=False,
                        help_text="New ladders a day at a branch follow its free slots of the coming days.",
                        verbose_name="no more than free slots",
                    ),
                ),
                ("valid_from", models.DateField(blank=True, null=True, verbose_name="valid from")),
                ("valid_until", models.DateField(blank=True, null=True, verbose_name="valid until, inclusive")),
                (
                    "resend_unknown",
                    models.BooleanField(
                        default=False,
                        help_text="A service message that may not have been sent is sent again: better twice than never.",
                        verbose_name="send again after a crash",
                    ),
                ),
                ("enabled", models.BooleanField(default=False, verbose_name="on")),
                ("enabled_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="switched on")),
                (
                    "looked_until",
                    models.DateTimeField(blank=True, editable=False, null=True, verbose_name="looked until"),
                ),
                ("horizon", models.BigIntegerField(blank=True, editable=False, null=True)),
                (
                    "error",
                    models.CharField(blank=True, default="", editable=False, max_length=200, verbose_name="error"),
                ),
                ("starter", models.SlugField(blank=True, editable=False, max_length=60, null=True, unique=True)),
                ("archived_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="archived")),
                (
                    "created_at",
                    models.DateTimeField(
                        auto_now_add=True, db_default=django.db.models.functions.datetime.Now(), verbose_name="created"
                    ),
                ),
                (
                    "updated_at",
                    models.DateTimeField(
                        auto_now=True, db_default=django.db.models.functions.datetime.Now(), verbose_name="updated"
                    ),
                ),
                (
                    "branches",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Empty: every branch.",
                        related_name="+",
                        to="patients.branch",
                        verbose_name="branches",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "exclude",
                    models.ManyToManyField(
                        blank=True, related_name="+", to="segmentation.segment", verbose_name="never patients of"
                    ),
                ),
                (
                    "goal_group",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="patients.servicegroup",
                        verbose_name="group of the goal",
                    ),
                ),
                (
                    "include",
                    models.ManyToManyField(
                        blank=True,
                        help_text="On the day of the first message. Empty: everybody.",
                        related_name="+",
                        to="segmentation.segment",
                        verbose_name="only patients of",
                    ),
                ),
            ],
            options={
                "verbose_name": "trigger rule",
                "verbose_name_plural": "trigger rules",
                "ordering": ["-priority", "pk"],
                "permissions": [("switch_triggerrule", "Can switch trigger rules on and off")],
            },
        ),
        migrations.CreateModel(
            name="RuleResult",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("as_of", models.DateField(verbose_name="as of")),
                ("group", models.CharField(max_length=10)),
                ("figures", models.JSONField()),
                (
                    "rule",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="results",
                        to="triggers.triggerrule",
                    ),
                ),
            ],
            options={
                "verbose_name": "result of a rule",
                "verbose_name_plural": "results of rules",
            },
        ),
        migrations.CreateModel(
            name="Firing",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("occasion", models.CharField(max_length=80, verbose_name="occasion")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "going on"),
                            ("done", "done"),
                            ("withdrawn", "withdrawn"),
                            ("stopped", "stopped"),
                            ("late", "came too late"),
                            ("cooldown", "too soon after the last one"),
                            ("holdout", "hold-out"),
                        ],
                        default="open",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("anchor_at", models.DateTimeField(verbose_name="anchor")),
                ("since", models.DateTimeField(verbose_name="since")),
                ("first_due", models.DateTimeField(verbose_name="first message due")),
                ("found_at", models.DateTimeField(verbose_name="found")),
                ("closed_at", models.DateTimeField(null=True, verbose_name="closed")),
                (
                    "branch",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="patients.branch",
                        verbose_name="branch",
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="firings",
                        to="patients.patient",
                        verbose_name="patient",
                    ),
                ),
                (
                    "service",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="patients.service",
                        verbose_name="service",
                    ),
                ),
                (
                    "visit",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="patients.visit",
                        verbose_name="visit",
                    ),
                ),
                (
                    "rule",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="firings",
                        to="triggers.triggerrule",
                        verbose_name="rule",
                    ),
                ),
            ],
            options={
                "verbose_name": "firing",
                "verbose_name_plural": "firings",
            },
        ),
        migrations.CreateModel(
            name="Backtest",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("first_day", models.DateField(verbose_name="from")),
                ("last_day", models.DateField(verbose_name="to, inclusive")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("running", "running"),
                            ("done", "done"),
                            ("failed", "failed"),
                        ],
                        default="waiting",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("progress", models.PositiveSmallIntegerField(default=0, verbose_name="progress, %")),
                ("asked", models.JSONField(default=dict)),
                ("result", models.JSONField(default=dict)),
                ("error", models.CharField(blank=True, default="", max_length=300, verbose_name="error")),
                ("seconds", models.FloatField(null=True, verbose_name="seconds")),
                (
                    "created_at",
                    models.DateTimeField(
                        auto_now_add=True, db_default=django.db.models.functions.datetime.Now(), verbose_name="asked"
                    ),
                ),
                ("started_at", models.DateTimeField(null=True, verbose_name="started")),
                ("finished_at", models.DateTimeField(null=True, verbose_name="finished")),
                (
                    "requested_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "rule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="backtests",
                        to="triggers.triggerrule",
                        verbose_name="rule",
                    ),
                ),
            ],
            options={
                "verbose_name": "back-test",
                "verbose_name_plural": "back-tests",
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="TriggerStep",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField(default=1, verbose_name="step")),
                (
                    "offset",
                    models.IntegerField(default=0, help_text="Negative: before it.", verbose_name="after the occasion"),
                ),
                (
                    "unit",
                    models.CharField(
                        choices=[("minute", "minutes"), ("hour", "hours"), ("day", "days")],
                        default="day",
                        max_length=6,
                        verbose_name="unit",
                    ),
                ),
                (
                    "at",
                    models.TimeField(
                        blank=True, help_text="Empty: that of the rule.", null=True, verbose_name="time of day"
                    ),
                ),
                (
                    "useful_hours",
                    models.PositiveIntegerField(
                        default=48,
                        help_text="What could not be sent by then is not sent at all.",
                        verbose_name="of use for, hours",
                    ),
                ),
                (
                    "channels",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[("email", "e-mail"), ("sms", "SMS"), ("call", "call")], max_length=10
                        ),
                        default=list,
                        size=None,
                        verbose_name="channels",
                    ),
                ),
                ("retired_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "offer",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="campaigns.offer",
                        verbose_name="offer",
                    ),
                ),
                (
                    "rule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="steps",
                        to="triggers.triggerrule",
                        verbose_name="rule",
                    ),
                ),
            ],
            options={
                "verbose_name": "step of a rule",
                "verbose_name_plural": "steps of rules",
                "ordering": ["rule", "position"],
            },
        ),
        migrations.CreateModel(
            name="StepTemplate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "channel",
                    models.CharField(
                        choices=[("email", "e-mail"), ("sms", "SMS"), ("call", "call")],
                        max_length=10,
                        verbose_name="channel",
                    ),
                ),
                (
                    "template",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="campaigns.template",
                        verbose_name="template",
                    ),
                ),
                (
                    "step",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="templates", to="triggers.triggerstep"
                    ),
                ),
            ],
            options={
                "verbose_name": "template of a step",
                "verbose_name_plural": "templates of steps",
            },
        ),
        migrations.CreateModel(
            name="FiringStep",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("due_at", models.DateTimeField(verbose_name="due")),
                ("useful_until", models.DateTimeField(verbose_name="useful until")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("planned", "planned"),
                            ("held", "held back"),
                            ("skipped", "skipped"),
                        ],
                        default="waiting",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("reason", models.CharField(blank=True, db_default="", max_length=30, verbose_name="reason")),
                (
                    "firing",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="steps",
                        to="triggers.firing",
                    ),
                ),
                (
                    "message",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="trigger_step",
                        to="campaigns.message",
                    ),
                ),
                (
                    "step",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="triggers.triggerstep",
                    ),
                ),
            ],
            options={
                "verbose_name": "step of a firing",
                "verbose_name_plural": "steps of firings",
            },
        ),
        migrations.AddConstraint(
            model_name="triggerrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("holdout_percent__lte", 90)), name="triggerrule_holdout_up_to_ninety"
            ),
        ),
        migrations.AddConstraint(
            model_name="triggerrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("window_days__gte", 1), ("window_days__lte", 365)),
                name="triggerrule_window_within_a_year",
            ),
        ),
        migrations.AddConstraint(
            model_name="triggerrule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("enabled", False),
                    models.Q(("enabled_at__isnull", False), ("looked_until__isnull", False)),
                    _connector="OR",
                ),
                name="triggerrule_on_knows_since_when",
            ),
        ),
        migrations.AddConstraint(
            model_name="triggerrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("enabled", False), ("archived_at__isnull", True), _connector="OR"),
                name="triggerrule_archived_is_off",
            ),
        ),
        migrations.AddConstraint(
            model_name="triggerrule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("valid_from__isnull", True),
                    ("valid_until__isnull", True),
                    ("valid_until__gte", models.F("valid_from")),
                    _connector="OR",
                ),
                name="triggerrule_dates_in_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="ruleresult",
            constraint=models.UniqueConstraint(fields=("rule", "as_of", "group"), name="ruleresult_once"),
        ),
        migrations.AddIndex(
            model_name="firing",
            index=models.Index(fields=["rule", "first_due"], include=("state",), name="firing_of_rule"),
        ),
        migrations.AddIndex(
            model_name="firing",
            index=models.Index(fields=["patient", "first_due"], name="firing_of_patient"),
        ),
        migrations.AddIndex(
            model_name="firing",
            index=models.Index(condition=models.Q(("state", "open")), fields=["rule"], name="firing_open"),
        ),
        migrations.AddIndex(
            model_name="firing",
            index=models.Index(condition=models.Q(("visit__isnull", False)), fields=["visit"], name="firing_of_visit"),
        ),
        migrations.AddConstraint(
            model_name="firing",
            constraint=models.UniqueConstraint(fields=("rule", "patient", "occasion"), name="firing_once_per_occasion"),
        ),
        migrations.AddConstraint(
            model_name="firing",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["open", "done", "withdrawn", "stopped", "late", "cooldown", "holdout"])
                ),
                name="firing_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="backtest",
            constraint=models.CheckConstraint(
                condition=models.Q(("last_day__gte", models.F("first_day"))), name="backtest_days_in_order"
            ),
        ),
        migrations.AddConstraint(
            model_name="backtest",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["waiting", "running"])),
                fields=("rule", "first_day", "last_day"),
                name="backtest_one_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="triggerstep",
            constraint=models.UniqueConstraint(
                condition=models.Q(("retired_at__isnull", True)),
                fields=("rule", "position"),
                name="triggerstep_position_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="triggerstep",
            constraint=models.CheckConstraint(
                condition=models.Q(("useful_hours__gte", 1)), name="triggerstep_of_some_use"
            ),
        ),
        migrations.AddConstraint(
            model_name="steptemplate",
            constraint=models.UniqueConstraint(fields=("step", "channel"), name="steptemplate_once_per_channel"),
        ),
        migrations.AddIndex(
            model_name="firingstep",
            index=models.Index(
                condition=models.Q(("state", "waiting")), fields=["step", "due_at"], name="firingstep_waiting"
            ),
        ),
        migrations.AddIndex(
            model_name="firingstep",
            index=models.Index(condition=models.Q(("state", "held")), fields=["useful_until"], name="firingstep_held"),
        ),
        migrations.AddConstraint(
            model_name="firingstep",
            constraint=models.UniqueConstraint(fields=("firing", "step"), name="firingstep_once"),
        ),
        migrations.AddConstraint(
            model_name="firingstep",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["waiting", "planned", "held", "skipped"])),
                name="firingstep_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="firingstep",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "skipped"), _negated=True),
                    models.Q(("reason", ""), _negated=True),
                    _connector="OR",
                ),
                name="firingstep_says_why_skipped",
            ),
        ),
    ]
