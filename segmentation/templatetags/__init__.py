"""Tags of the pages of segments."""
