"""What campaigns brought: outcomes of the treated and of the hold-out, night by night."""
