"""English without 11/12/2026, which is two different days: short dates as `patients.wording.short_day` writes them."""

SHORT_DATE_FORMAT = "Y-m-d"
SHORT_DATETIME_FORMAT = "Y-m-d H:i"
TIME_FORMAT = "H:i"
