"""Questions about facts that pages and services ask."""
