"""Own segments by conditions: whoever meets them is in."""

import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy, pgettext_lazy

from segmentation import conditions
from segmentation.kinds.base import AskedKind, Params
from segmentation.models import Segmentation
from segmentation.selectors import asking


class RuleForm(forms.Form):
    """`where`: a condition tree."""

    where = forms.JSONField(
        label=gettext_lazy("conditions"), required=False, help_text=gettext_lazy("Put together in the editor.")
    )  # fmt: skip


class Rule(AskedKind):
    code = "rule"
    form_class = RuleForm
    title = pgettext_lazy("kind of segmentation", "Own segment by conditions")

    def clean(self, params: Params) -> Params:
        # A tree that has become wrong must not stop the night: `members` says so, the page of the segment too.
        return {"where": params.get("where") or {}}

    def describe(self, params: Params) -> str:
        tree = self.clean(params)["where"]
        return "" if asking.problems(tree) else f"{asking.sentence(tree)}."

    def members(self, segmentation: int, params: Params, as_of: datetime.date) -> tuple[str, dict[str, Any]] | None:
        try:
            return asking.members_sql(params["where"], as_of)
        except asking.BrokenAudienceError:
            return None


def asked_of(segmentation: Segmentation) -> set[str]:
    """Codes of the segmentations a rule asks for."""
    tree = segmentation.params.get("where") or {}
    codes: set[str] = set()
    for leaf in conditions.leaves(tree):
        if leaf.get("attribute") == "segment":
            named = [*(leaf.get("value") or ()), *(leaf.get("from") or ())]
            codes |= {str(code).partition(":")[0] for code in named}
    return codes
