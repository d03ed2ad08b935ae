"""Forms of the pages of clusters: what to look for, and what the marketer writes about a cluster."""

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from patients import wording
from segmentation.kinds.clusters import METHODS, ClustersForm
from segmentation.kinds.features import FEATURES, Feature, offered
from segmentation.models import BaseTotal, Segment, Segmentation
from segmentation.reports.clusters import clusters_count
from segmentation.selectors import overview
from segmentation.services.clusters import requesting

CODE = RegexValidator(r"^cl-[0-9a-f]{6,32}$")
KS = range(2, 11)
# Sets of features to begin with, by the question a marketer asks.
PRESETS: dict[str, tuple[str | Promise, tuple[str, ...]]] = {
    "who": (
        gettext_lazy("Who they are and how they come"),
        ("age", "female", "average_bill", "visits_365", "own_interval_days", "mix"),
    ),
    "money": (
        gettext_lazy("Money and discounts"), ("average_bill", "money_365", "margin", "visits_365", "discount_share")
    ),
    "time": (
        gettext_lazy("Services and time"), ("mix", "hour", "weekend_share", "visits_365", "age")
    ),
    "return": (
        gettext_lazy("How they come back"),
        ("own_interval_days", "lifetime_days", "since_days", "cycles_since", "visits_365"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Base:
    """Whom clusters can be looked for among. `value`: "rfm:lost", or nothing for everybody with a visit."""

    value: str
    group: str
    name: str
    patients: int | None = None

    @property
    def label(self) -> str:
        return self.name if self.patients is None else f"{self.name} · {wording.patients_count(self.patients)}"


def bases(besides: str = "") -> list[Base]:
    """Every segment with its size of the last night; those of the clustering `besides` left out. Four queries."""
    latest = BaseTotal.objects.first()
    found = [Base("", "", _("Everybody who has come at least once"))]
    for division in overview.divisions(latest.as_of if latest else None, None):
        if division.segmentation.code == besides:
            continue
        alone = len(division.parts) == 1
        group = _("Own segments") if alone else str(division.segmentation)
        for part in division.parts:
            if part.segment.active:
                value = f"{division.segmentation.code}:{part.segment.code}"
                found.append(Base(value, group, str(part.segment), part.patients if part.total else None))
    return found


class ClusteringForm(forms.Form):
    """Whom to look among, by what, and into how many clusters."""

    code = forms.CharField(widget=forms.HiddenInput, validators=[CODE])
    base = forms.ChoiceField(label=gettext_lazy("Among whom"), required=False)
    features = forms.MultipleChoiceField(label=gettext_lazy("By what"), required=False)
    k = forms.TypedChoiceField(
        label=gettext_lazy("How many clusters"), coerce=int, required=False, empty_value=None,
        help_text=gettext_lazy("Left to the data, the number is the one that comes out again and again."),
    )  # fmt: skip
    method = forms.ChoiceField(label=gettext_lazy("Method"), required=False)
    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=120, required=False,
        help_text=gettext_lazy("How the clusters are called in lists. Left empty, by the patients they are made of."),
    )  # fmt: skip
    name_en = forms.CharField(label=gettext_lazy("Name in English"), max_length=120, required=False)

    def __init__(self, *args: Any, bases: list[Base], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.bases = bases
        grouped: list[tuple[str, Any]] = []
        for group, some in groupby(bases, key=lambda base: base.group):
            choices = [(base.value, base.label) for base in some]
            grouped += [(group, choices)] if group else choices
        self.fields["base"].choices = grouped  # type: ignore[attr-defined]
        self.fields["features"].choices = [(code, code) for code in FEATURES]  # type: ignore[attr-defined]
        self.fields["k"].choices = [  # type: ignore[attr-defined]
            ("", _("as many as there are")), *((str(k), clusters_count(k)) for k in KS)
        ]  # fmt: skip
        methods = ClustersForm.base_fields["method"]
        self.fields["method"].choices = methods.choices  # type: ignore[attr-defined]
        for name, field in self.fields.items():
            select = isinstance(field, forms.ChoiceField)
            field.widget.attrs["class"] = "form-select" if select else "form-control"
            if self.is_bound and name in self.errors:
                field.widget.attrs["aria-invalid"] = "true"

    def chosen(self) -> set[str]:
        """Codes of the features that are ticked."""
        return set(self["features"].value() or ())

    def groups(self) -> list[tuple[str, str | Promise, list[tuple[Feature, bool]]]]:
        chosen = self.chosen()
        return [
            (code, title, [(feature, feature.code in chosen) for feature in features])
            for code, title, features in offered()
        ]

    def rest(self) -> list[forms.BoundField]:
        return [self[name] for name in ("k", "method", "name", "name_en")]

    def wish(self) -> requesting.Wish:
        data = self.cleaned_data
        return requesting.Wish(
            data.get("base") or "", tuple(data.get("features") or ()), data.get("method") or METHODS[0],
            data.get("k") or 0,
        )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if "base" in self.errors:
            return data
        for name, words in requesting.problems(data.get("code", ""), self.wish()).items():
            if name not in self.errors:
                self.add_error(name if name in self.fields else None, words)
        if not data.get("name"):
            base = next((base for base in self.bases if base.value == data.get("base")), None)
            data["name"] = requesting.free_name(data.get("code", ""), base.name if base else "")
        return data


def initial_of(segmentation: Segmentation | None) -> dict[str, Any]:
    """What the form shows first: what the clustering asks for, or what a new one begins with."""
    if segmentation is None:
        return {"code": requesting.new_code(), "features": list(requesting.Wish().features)}
    wish = requesting.Wish.of(segmentation)
    return {
        "code": segmentation.code, "name": segmentation.name, "name_en": segmentation.name_en, "base": wish.base,
        "features": list(wish.features), "method": wish.method, "k": str(wish.k or ""),
    }  # fmt: skip


def _text(label: Any, placeholder: str | Promise, rows: int = 2) -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": rows, "class": "form-control", "placeholder": placeholder})
    return forms.CharField(label=label, required=False, max_length=2000, widget=widget)


class PersonaForm(forms.Form):
    """What the marketer writes about a cluster."""

    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=120, widget=forms.TextInput(attrs={"class": "form-control"}),
        error_messages={"required": gettext_lazy("A cluster needs a name: it stands on every page and list.")},
    )  # fmt: skip
    name_en = forms.CharField(
        label=gettext_lazy("Name in English"), max_length=120, required=False,
        widget=forms.TextInput(attrs={"class": "form-control"}),
    )  # fmt: skip
    problem = _text(pgettext_lazy("of a persona", "Problem"), gettext_lazy("What troubles them, in their own words"))
    need = _text(pgettext_lazy("of a persona", "Need"), gettext_lazy("What they want to have or to feel"))
    fears = _text(pgettext_lazy("of a persona", "Fears"), gettext_lazy("What keeps them from coming"))
    offer = _text(
        gettext_lazy("Draft offer"), gettext_lazy("What to propose to these patients, and why just to them"), 3
    )

    TEXTS = ("name", "name_en", "problem", "need", "fears", "offer")

    def __init__(self, data: QueryDict | None = None, *, segment: Segment) -> None:
        # Every card has its own form: ids are told apart by the cluster.
        initial = {name: getattr(segment, name) for name in self.TEXTS}
        super().__init__(data, initial=initial, auto_id=f"{segment.code}-%s")
        self.segment = segment

    def names(self) -> list[forms.BoundField]:
        return [self["name"], self["name_en"]]

    def texts(self) -> list[forms.BoundField]:
        return [self[name] for name in self.TEXTS[2:]]

    def persona(self) -> requesting.Persona:
        """The tactic is edited on its own page and stays as it is."""
        kept = {name: getattr(self.segment, name) for name in ("tactic", "tactic_en")}
        return requesting.Persona(**{name: self.cleaned_data[name] for name in self.TEXTS}, **kept)
