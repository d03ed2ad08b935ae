"""Administration of the portal itself: users and roles, the night, the schedule, blocked logins, the log of changes."""

from clinic_crm.admin import lockouts, log, nights, schedule, users

__all__ = ["lockouts", "log", "nights", "schedule", "users"]
