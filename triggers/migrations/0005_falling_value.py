"""Rules of the type "falling" named a segmentation and how far down in it; the type now asks the forecast.

What a clinic has switched on must not come to mean something else: each becomes a rule about moves between segments
with the same settings, occasions and ladder. Only a ready rule that is off and has never fired follows the type.
"""

from django.db import migrations


def keep_what_they_mean(apps, schema_editor):
    rules = apps.get_model("triggers", "TriggerRule").objects.filter(
        rule_type="falling", params__has_key="segmentation"
    )
    firings = apps.get_model("triggers", "Firing").objects
    for rule in rules:
        old = rule.params
        if rule.starter and not rule.enabled and not firings.filter(rule=rule).exists():
            rule.params = {"least_money": old.get("least_money", 30_000), "stay": old.get("stay", True)}
        else:
            rule.rule_type = "segment_move"
            rule.params = {
                "segmentation": old["segmentation"],
                "out_of": [],
                "into": old.get("into") or [],
                "direction": "worse",
                "levels": old.get("levels", 2),
                "least_money": old.get("least_money", 30_000),
                "stay": old.get("stay", True),
            }
        rule.save(update_fields=["rule_type", "params"])


class Migration(migrations.Migration):
    dependencies = [("triggers", "0004_rule_counts")]
    operations = [migrations.RunPython(keep_what_they_mean, migrations.RunPython.noop)]
