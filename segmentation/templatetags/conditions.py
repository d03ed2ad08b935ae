"""What the editor of conditions needs to draw itself."""

from typing import Any

from django import template

from segmentation.reports.editor import editor_data

register = template.Library()


@register.simple_tag
def conditions_editor(tree: Any) -> dict[str, Any]:
    """Data of one editor, for `json_script`. `tree` is whatever was saved or posted, well-formed or not."""
    return editor_data(tree)
