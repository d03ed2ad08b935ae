"""What patients allow: preferences, suppressed addresses, imports with proof, erasure."""
