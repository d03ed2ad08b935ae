"""The preview of a threshold is the night itself, without the writing."""

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from segmentation.kinds import KINDS, REASONS
from segmentation.kinds.base import BordersField
from segmentation.models import Segmentation
from segmentation.scoring import lifecycle, satisfaction, value
from segmentation.services.preview import preview
from tests.segmentation.clinic import Clinic
from tests.segmentation.nights import DAY, D, everything, night

pytestmark = pytest.mark.django_db
FIRST = D(2026, 3, 1)


@pytest.fixture
def base() -> None:
    clinic = Clinic()
    service = clinic.service(recall_days=90)
    for number in range(1, 21):
        patient = clinic.patient()
        for visit in range(number % 5 + 1):
            day = FIRST - (10 * number + 40 * visit) * DAY
            clinic.visit(patient, day, [(service, 1000 * number)])
            clinic.payment(patient, day, 1000 * number)
    clinic.patient()


def of(code: str) -> Segmentation:
    return Segmentation.objects.get(code=code)


def test_nothing_to_preview_before_the_first_night(base: None) -> None:
    assert preview(of("rfm"), {}) is None


def test_unchanged_thresholds_move_nobody(base: None) -> None:
    night(FIRST)
    for segmentation in Segmentation.objects.all():
        result = preview(segmentation, segmentation.params)
        assert result is not None
        assert (result.as_of, result.total, result.moved, result.moves) == (FIRST, 21, 0, {})
        assert result.before == result.after


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("rfm", {"cycle_borders": [0.5, 0.7, 0.9, 1.1]}),
        ("rfm", {"borders": "fixed", "money_rub": "500; 1000; 2000; 3000"}),
        ("value", {"vip_percent": 40}),
        ("lifecycle", {"lost_cycles": 1, "grace_days": 0}),
    ],
)
def test_preview_says_what_the_night_then_does(base: None, code: str, change: dict[str, object]) -> None:
    night(FIRST)
    before = everything(ids=True)
    segmentation = of(code)
    params = {**segmentation.params, **change}
    result = preview(segmentation, params, as_of=FIRST + DAY)
    assert everything(ids=True) == before  # nothing is written
    assert result is not None
    assert result.moved > 0
    assert sum(result.moves.values()) == result.moved
    assert sum(result.after.values()) <= result.total

    segmentation.params = params
    segmentation.save()
    night(FIRST + DAY)
    held = {item.code: item.memberships.filter(left_on=None).count() for item in segmentation.segments.all()}
    assert held == result.after


def test_thresholds_out_of_range_are_refused_by_name(base: None) -> None:
    night(FIRST)
    with pytest.raises(ValidationError) as refused:
        preview(of("rfm"), {**of("rfm").params, "margin_percent": 90, "cycle_borders": "3; 2; 1; 0"})
    assert set(refused.value.message_dict) == {"margin_percent", "cycle_borders"}


@pytest.mark.parametrize(
    ("kind", "params", "field"),
    [
        ("rfm", {"recency_days": "1; 2; 3"}, "recency_days"),
        ("rfm", {"recency_days": "1; 2; 3; много"}, "recency_days"),
        ("rfm", {"recency_days": [1, 2, 2, 3]}, "recency_days"),
        ("rfm", {"window": "week"}, "window"),
        ("value", {"low_rub": 200_000}, "low_rub"),
        ("value", {"cancelled_events": 1}, "cancelled_events"),
        ("satisfaction", {"unhappy_to": 9}, "unhappy_to"),
        ("satisfaction", {"low_percent": 80, "high_percent": 30}, "high_percent"),
        ("lifecycle", {"months_rare": 2}, "months_rare"),
    ],
)
def test_each_kind_checks_its_thresholds(kind: str, params: dict[str, object], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        KINDS[kind].clean(params)
    assert list(refused.value.message_dict) == [field]


def test_borders_are_typed_the_russian_way() -> None:
    assert KINDS["rfm"].clean({"cycle_borders": "1; 1,5; 2; 3"})["cycle_borders"] == [1, 1.5, 2, 3]
    assert KINDS["rfm"].clean({"money_rub": "1 000; 5 000; 20 000; 90 000"})["money_rub"][3] == 90_000


@pytest.mark.parametrize("code", sorted(KINDS))
def test_each_kind_explains_itself(code: str) -> None:
    kind = KINDS[code]
    assert kind.clean({}) == kind.clean(kind.clean({}))
    with translation.override("en"):
        assert kind.describe({}).endswith(".")
        assert str(kind.title)
        for name, field in kind.form_class().fields.items():
            assert str(field.label), name
            assert str(field.help_text).endswith("."), name
        assert kind.reason(None) == ""
        assert kind.reason({"reasons": ["past_due"]} if code != "rfm" else {"r": [5, 3]})


def test_reasons_are_words() -> None:
    with translation.override("en"):
        assert KINDS["rfm"].reason({"r": [5, 3], "m": [1, 2]}) == "recency: from 5 to 3; money: from 1 to 2"
        assert KINDS["value"].reason({"reasons": ["cancels_often", "complains"]}) == (
            "cancels or misses appointments often; complains repeatedly"
        )
        assert KINDS["satisfaction"].reason({"reasons": ["happy", "profit_high"], "band": [2, 3]}) == (
            "happy: a high score; high profit; profit band: from 2 to 3"
        )
    for code in (*value.REASONS, *lifecycle.REASONS, *satisfaction.MOODS):
        assert code in REASONS


@pytest.mark.parametrize(
    "typed", ["-9; -8; -7; -6", "1; 2; 3; 1e300", "nan; 1; 2; 3", "1; 2; 3; inf", "4; 3; 2; 1", "1; 2"]
)
def test_absurd_borders_are_refused_by_field(typed: str) -> None:
    with pytest.raises(ValidationError):
        BordersField(count=4).clean(typed)


def test_large_borders_are_written_out_in_the_readers_decimals() -> None:
    with translation.override("ru"):
        shown = BordersField(count=4).prepare_value([1, 1.5, 103760.25, 2_000_000])
        assert shown == "1; 1,5; 103760,25; 2000000"
        assert BordersField(count=4).clean(shown) == [1, 1.5, 103760.25, 2_000_000]
