"""What every admin page here shares: tables of facts hold at a million patients, configuration is edited.

A list of facts never counts a big table, never sorts by a column without an index and never pages further than
`LISTED_ROWS`; whoever looks for a row searches for its patient instead.
"""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin

from patients.selectors.search import found_ids

LISTED_ROWS = 2_000


class BoundedPaginator(Paginator):
    """Counts at most `LISTED_ROWS` rows, so that neither the count nor the last page reads a whole table."""

    template_name = "admin/bounded_pagination.html"
    limit = LISTED_ROWS

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        if not isinstance(rows, QuerySet):
            return len(rows)
        return rows.order_by().values("pk")[:LISTED_ROWS].count()


class ConfigurationAdmin(ModelAdmin):
    """Rows that administrators edit."""

    list_filter_submit = True
    warn_unsaved_form = True
    show_full_result_count = False
    list_per_page = 50


class ReadOnlyAdmin(ModelAdmin):
    """Rows that are looked at: they come from a source or from the night and are corrected there."""

    show_full_result_count = False
    list_per_page = 50
    list_filter_submit = True

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class FactAdmin(ReadOnlyAdmin):
    """A big table: newest rows first by key, bounded pages, found through the patient's name, phone, e-mail or id.

    `patient_path` leads from the row to its patient's key; an empty one means that the list cannot be searched.
    """

    paginator = BoundedPaginator
    ordering = ["-pk"]
    sortable_by: tuple[str, ...] = ()
    list_filter_submit = True
    patient_path = "patient_id"

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        # Only shows the field; `get_search_results` below does not use Django's own UPPER(…) LIKE, which has no index.
        return (self.patient_path,) if self.patient_path else ()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term.strip() or not self.patient_path:
            return queryset, False
        return queryset.filter(**{f"{self.patient_path}__in": found_ids(search_term)}), False
