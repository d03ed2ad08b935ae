"""Condition trees: checked when saved, compiled to SQL, told as a sentence. Pure: no Django, no database, no clock."""

from segmentation.conditions.checking import Problem, check
from segmentation.conditions.compiling import Where, compile
from segmentation.conditions.sentences import sentence
from segmentation.conditions.tree import Tree, is_everybody, leaves, read

__all__ = ["Problem", "Tree", "Where", "check", "compile", "is_everybody", "leaves", "read", "sentence"]
