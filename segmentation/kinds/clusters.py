"""Clusters: parts of a base segment that the data themselves fall into.

The segments are those the fit in force has found (`ClusterFit`), not a fixed list; the night applies the fit to the
members of the base (segmentation/services/clusters/applying.py).
"""

from typing import Any

import pandas as pd
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from segmentation.kinds.base import Before, Cause, Kind, Outcome, Params
from segmentation.kinds.features import DEFAULT, FEATURES
from segmentation.kinds.reasons import reason_label

METHODS = ("auto", "kmeans", "gmm")
MOST_CLUSTERS = 10


class ClustersForm(forms.Form):
    """What is looked for. `base`: "rfm:lost", "" for everybody who has come at least once. `k`: 0 for any number."""

    base = forms.CharField(
        label=_("inside"), required=False, max_length=81, initial="",
        help_text=_("The segment whose patients are divided; empty: everybody who has come at least once."),
    )  # fmt: skip
    features = forms.MultipleChoiceField(
        label=_("features"), choices=lambda: [(code, one.label) for code, one in FEATURES.items()],
        initial=list(DEFAULT), help_text=_("What patients of one cluster have in common."),
    )  # fmt: skip
    method = forms.ChoiceField(
        label=_("method"), initial="auto", help_text=_("How the clusters are looked for."),
        choices=[
            ("auto", _("both, the better one is kept")), ("kmeans", _("KMeans: round groups")),
            ("gmm", _("Gaussian mixture: groups of any size and stretch")),
        ],
    )  # fmt: skip
    k = forms.IntegerField(
        label=_("how many clusters"), required=False, initial=0, min_value=0, max_value=MOST_CLUSTERS,
        help_text=_("0: as many as the data show."),
    )  # fmt: skip

    def clean_k(self) -> int:
        number = self.cleaned_data.get("k") or 0
        if number == 1:
            raise ValidationError(_("One cluster is everybody: choose two or more, or 0."))
        return int(number)


class Clusters(Kind):
    code = "clusters"
    segments = ()
    metrics = ()
    form_class = ClustersForm
    title = pgettext_lazy("kind of segmentation", "Clusters")

    def describe(self, params: Params) -> str:
        chosen = [str(FEATURES[code].label) for code in params.get("features") or DEFAULT if code in FEATURES]
        return gettext("Clusters by: %(features)s.") % {"features": ", ".join(chosen)}

    def apply(self, frame: pd.DataFrame, params: Params, fitted: dict[str, Any], before: Before, as_of: int) -> Outcome:
        raise TypeError("clusters are applied to the members of their base, not to a frame of the whole base")

    def reason(self, cause: Cause | None) -> str:
        words = [super().reason(cause), pull_words(cause)]
        return "; ".join(text for text in words if text)


def pull_words(cause: Cause | None) -> str:
    """What draws a patient out of the former cluster: `{"features": [["visits_365", 1], ["mix", 0]]}` in words.

    1: higher than is usual there, −1: lower, 0: different.
    """
    said = []
    for code, direction in (cause or {}).get("features", []):
        label = str(FEATURES[code].label if code in FEATURES else reason_label(code))
        template = {1: gettext("%(feature)s: more"), -1: gettext("%(feature)s: less")}.get(
            direction, gettext("%(feature)s: different")
        )
        said.append(template % {"feature": label})
    return ", ".join(said)
