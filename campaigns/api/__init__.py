"""What systems read from the campaigns, and answer."""
