"""Answers that are files: the figures behind a picture, the patients of a list."""

import datetime as dt
from collections.abc import Iterable, Iterator

from django.http import Http404, HttpRequest, StreamingHttpResponse

from segmentation.reports.pictures import Picture
from segmentation.services.exports import FORMATS


def file_answer(chunks: Iterator[bytes], name: str, file_format: str, as_of: dt.date | None) -> StreamingHttpResponse:
    answer = StreamingHttpResponse(chunks, content_type=FORMATS[file_format][1])
    dated = f"{name}-{as_of:%Y-%m-%d}" if as_of else name
    answer["Content-Disposition"] = f'attachment; filename="{dated}.{file_format}"'
    answer["Cache-Control"] = "no-store"
    return answer


def picture_file(
    request: HttpRequest, pictures: Iterable[Picture], as_of: dt.date | None
) -> StreamingHttpResponse | None:
    """The figures asked for by `?download=<key>&format=csv|xlsx`; nothing when none are."""
    key = request.GET.get("download")
    if key is None:
        return None
    picture = next((picture for picture in pictures if picture.key == key), None)
    file_format = request.GET.get("format", "")
    if picture is None or file_format not in FORMATS:
        raise Http404
    writer, _content_type = FORMATS[file_format]
    return file_answer(writer(picture.columns, picture.rows), key, file_format, as_of)
