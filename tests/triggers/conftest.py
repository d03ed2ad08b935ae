"""The tiny types stand among the real ones while the tests of triggers run."""

from collections.abc import Iterator
from unittest import mock

import pytest


@pytest.fixture(autouse=True)
def _tiny_types() -> Iterator[None]:
    from tests.triggers.tiny import TINY  # not at the top: this file is read before there are settings
    from triggers import rule_types

    with mock.patch.dict(rule_types.TYPES, TINY):
        yield
