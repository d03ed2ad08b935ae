"""Pages of the triggers."""
