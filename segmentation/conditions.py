"""Condition trees: checked when saved, compiled to SQL, told as a sentence."""
