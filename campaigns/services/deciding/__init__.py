"""Who is written to, on which channel and when, or why not: the gate, the plan, the check of a draft."""
