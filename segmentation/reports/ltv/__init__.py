"""The pages of LTV in words, tables and pictures; the figures come from the selectors."""
