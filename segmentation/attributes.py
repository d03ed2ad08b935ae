"""What can be asked about a patient: every attribute with its type and its SQL."""
