"""What rules do: look, find, plan the steps that fall due, hold back, go on, count."""
