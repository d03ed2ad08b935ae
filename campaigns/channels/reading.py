"""Reading the settings of an account: plain values in, a named complaint out."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _


class SettingError(ValueError):
    """A setting that is missing, wrong or unknown; `name` is the one to correct."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.name = name
        self.problem = problem


class Values:
    """The settings of one channel. Every name is asked for once; what nobody asked for is a misprint."""

    def __init__(self, params: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        self._params = params
        self._environ = environ
        self._asked: set[str] = set()

    def text(self, name: str, default: str = "") -> str:
        value = self._take(name, default)
        if not isinstance(value, str):
            raise SettingError(name, _("must be text."))
        return value.strip()

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        value = self._take(name, default)
        if isinstance(value, str) and value.strip().isdigit():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise SettingError(
                name, _("must be a whole number from %(least)d to %(most)d.") % {"least": least, "most": most}
            )
        return value

    def number(self, name: str, default: float, least: float, most: float) -> float:
        value = self._take(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise SettingError(name, _("must be a number from %(least)g to %(most)g.") % {"least": least, "most": most})
        return float(value)

    def flag(self, name: str, default: bool) -> bool:
        value = self._take(name, default)
        if not isinstance(value, bool):
            raise SettingError(name, _("must be true or false."))
        return value

    def choice(self, name: str, default: str, among: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value not in among:
            raise SettingError(name, _("must be one of: %(values)s.") % {"values": ", ".join(among)})
        return value

    def table(self, name: str) -> dict[str, str]:
        """Names and texts; numbers and flags are written as text."""
        value = self._take(name, {})
        if not isinstance(value, Mapping) or not all(isinstance(item, str | int | float) for item in value.values()):
            raise SettingError(name, _("must be pairs of a name and a text."))
        return {str(key): str(item) for key, item in value.items()}

    def listed(self, name: str) -> list[str]:
        value = self._take(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str | int) for item in value):
            raise SettingError(name, _("must be a list of texts."))
        return [str(item) for item in value]

    def variable(self, name: str, default: str) -> str:
        """The value of the environment variable that the setting names; empty when it is not set."""
        return self._environ.get(self.text(name, default), "")

    def environment(self, variable: str, setting: str) -> str:
        """A secret that has to be there. Its name may be told, its value never."""
        value = self._environ.get(variable, "")
        if not value:
            raise SettingError(setting, _("the environment variable %(name)s is not set.") % {"name": variable})
        return value

    def nothing_else(self) -> None:
        """Refuse names nobody knows: a misprint must not be silently ignored."""
        for name in self._params:
            if name not in self._asked:
                raise SettingError(str(name), _("there is no such setting."))

    def _take(self, name: str, default: Any) -> Any:
        self._asked.add(name)
        value = self._params.get(name)
        return default if value is None or value == "" else value
