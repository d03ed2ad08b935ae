"""Questions to the rows of the triggers."""
