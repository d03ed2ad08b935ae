"""The four roles of the portal: Django groups whose permissions follow this table after every `migrate`."""

from typing import Any

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.db.models import Q

ADMINISTRATOR, MARKETER, MANAGER, OWNER = "administrator", "marketer", "manager", "owner"

_VIEW_FACTS = Q(content_type__app_label="patients", codename__startswith="view_")
_VIEW_CAMPAIGNS = Q(
    content_type__app_label="campaigns",
    codename__in=[
        "view_campaign", "view_variant", "view_offer", "view_template", "view_templatetext", "view_message",
        "view_messageevent", "view_campaigncount", "view_campaignresult",
    ],
)  # fmt: skip
_MAKE_CAMPAIGNS = Q(
    content_type__app_label="campaigns", content_type__model__in=["campaign", "variant", "offer", "template"]
) & ~Q(codename__startswith="delete_")
_CALLS = Q(content_type__app_label="campaigns", codename__in=["view_calltask", "change_calltask"])
_VIEW_TRIGGERS = Q(
    content_type__app_label="triggers", codename__in=["view_triggerrule", "view_firing", "view_ruleresult"]
)
_VIEW_BACKTESTS = Q(content_type__app_label="triggers", codename__in=["view_backtest", "add_backtest"])
_VIEW_SEGMENTS = Q(content_type__app_label="segmentation", codename__startswith="view_")

GRANTS = {
    ADMINISTRATOR: Q(
        content_type__app_label__in=["patients", "segmentation", "campaigns", "triggers", "django_celery_beat"]
    )
    | Q(content_type__app_label="auth", content_type__model__in=["user", "group"])
    # Whoever unlocks users and answers for the data reads the logs, and changes nothing in them.
    | Q(content_type__app_label__in=["axes", "auditlog"], codename__startswith="view_"),
    MARKETER: _VIEW_FACTS
    | _VIEW_SEGMENTS
    | Q(content_type__app_label="patients", codename="export_patient")
    | Q(content_type__app_label="segmentation", codename__in=["run_night", "change_segment"])
    | _VIEW_CAMPAIGNS
    | _MAKE_CAMPAIGNS
    | _VIEW_TRIGGERS
    | _VIEW_BACKTESTS
    | _CALLS
    | Q(
        content_type__app_label="campaigns", codename__in=["view_suppression", "add_suppression", "view_caughtmessage"]
    ),
    MANAGER: _VIEW_FACTS | _VIEW_SEGMENTS | _VIEW_CAMPAIGNS | _VIEW_TRIGGERS | _CALLS,
    OWNER: _VIEW_SEGMENTS
    | _VIEW_CAMPAIGNS
    | _VIEW_TRIGGERS
    | Q(content_type__app_label="patients", codename="view_patient"),
}

# One login per role of the demonstration clinic: (user name, role, password). The passwords are public, so these
# users are only ever created beside generated data.
DEMO_LOGINS = (
    ("admin", ADMINISTRATOR, "admin-demo"),
    ("marketer", MARKETER, "marketer-demo"),
    ("manager", MANAGER, "manager-demo"),
    ("owner", OWNER, "owner-demo"),
)


def sync_roles(**kwargs: Any) -> None:
    """Make the groups' permissions equal to the table. Connected to `post_migrate`; safe to call at any time."""
    at_this_migration = kwargs.get("apps")
    try:
        if at_this_migration:
            at_this_migration.get_model("auth", "Group")
    except LookupError:  # `migrate contenttypes` alone: there is no table for groups yet
        return
    from django.contrib.auth.models import Group, Permission

    # The signal may come before other apps have got their permissions.
    for config in apps.get_app_configs():
        create_permissions(config, verbosity=0)
    for name, granted in GRANTS.items():
        group, _created = Group.objects.get_or_create(name=name)
        group.permissions.set(Permission.objects.filter(granted))
