"""Own segments by a list: whoever was uploaded is in."""

import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext, pgettext_lazy

from segmentation.kinds.base import AskedKind, Params

# A card merged since the upload stands for the one that was kept.
_LISTED = """
SELECT DISTINCT coalesce(card.merged_into_id, card.id) AS id
FROM segmentation_listedpatient listed JOIN patients_patient card ON card.id = listed.patient_id
WHERE listed.segmentation_id = %(segmentation)s
"""


class Listed(AskedKind):
    code = "listed"
    form_class = forms.Form
    title = pgettext_lazy("kind of segmentation", "Own segment by a list")

    def describe(self, params: Params) -> str:
        return gettext("An uploaded list of patients.")

    def members(self, segmentation: int, params: Params, as_of: datetime.date) -> tuple[str, dict[str, Any]] | None:
        return _LISTED, {"segmentation": segmentation}
