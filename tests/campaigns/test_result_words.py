"""Sentences about a comparison that is not proven say what does not confirm it."""

from django.utils.translation import override

from campaigns.attribution import Interval
from campaigns.reports import result_words as words


def test_only_an_interval_that_holds_zero_is_said_to_hold_it() -> None:
    with override("en"):
        assert words.by_chance(Interval(0.02, -0.01, 0.05)).endswith("the interval holds zero.")
        by_the_test_alone = words.by_chance(Interval(-0.041, -0.076, -0.01))
    assert "does not hold zero" in by_the_test_alone and "the stricter test does not confirm it" in by_the_test_alone
