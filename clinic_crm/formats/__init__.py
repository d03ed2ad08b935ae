"""How dates are written where Django's own habits of a language would mislead."""
