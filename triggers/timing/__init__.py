"""Arithmetic of time and order that needs neither the database nor Django."""
