"""What the demonstration clinic has made of its segments."""
