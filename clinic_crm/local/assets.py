"""Third-party static files: the few we serve out of the thousands that come with their packages."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import utils
from django.contrib.staticfiles.finders import BaseFinder
from django.core.checks import CheckMessage
from django.core.checks import Warning as CheckWarning
from django.core.files.storage import FileSystemStorage

# Folder under /static/ -> (folder in node_modules, files in it)
VENDOR = {
    "vendor/tabler": ("@tabler/core/dist", ("css/tabler.min.css", "js/tabler.min.js")),
    "vendor/tabler-icons": ("@tabler/icons-webfont/dist", ("tabler-icons.min.css", "fonts/tabler-icons.woff2")),
    "vendor/echarts": ("echarts/dist", ("echarts.min.js",)),
}


class VendorFinder(BaseFinder):
    """Finds the files named in `VENDOR`. Naming them keeps `collectstatic` at seconds and the image small."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.storages: dict[str, FileSystemStorage] = {}
        for prefix, (folder, _files) in VENDOR.items():
            storage = FileSystemStorage(location=Path(settings.NODE_MODULES) / folder)
            storage.prefix = prefix  # type: ignore[attr-defined]  # how collectstatic learns the folder under /static/
            self.storages[prefix] = storage
        super().__init__(*args, **kwargs)

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        for prefix, storage, name in self._files():
            if path == f"{prefix}/{name}" and storage.exists(name):
                return [storage.path(name)] if find_all else storage.path(name)
        return []

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Pages without look or charts should be explained before somebody wonders."""
        missing = [f"{prefix}/{name}" for prefix, storage, name in self._files() if not storage.exists(name)]
        if not missing:
            return []
        return [CheckWarning(f"Not installed: {', '.join(missing)}", hint="make setup", id="clinic_crm.W001")]

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, FileSystemStorage]]:
        for _prefix, storage, name in self._files():
            if storage.exists(name) and not utils.matches_patterns(name, ignore_patterns or ()):
                yield name, storage

    def _files(self) -> Iterator[tuple[str, FileSystemStorage, str]]:
        for prefix, (_folder, files) in VENDOR.items():
            for name in files:
                yield prefix, self.storages[prefix], name
