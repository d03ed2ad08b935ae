"""The catcher of a local installation: an SMTP server and an SMS gateway that take what would have gone to patients.

smtp.py and gateway.py take messages, storage.py writes them for the mailbox page, trials.py knows the addresses that
fail on purpose, feedback.py answers like the world outside: delivery reports, complaints, late bounces.
"""
