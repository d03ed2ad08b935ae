"""A campaign from draft to end: its buttons, the nights of standing ones, its counts."""
