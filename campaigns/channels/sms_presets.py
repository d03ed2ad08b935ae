"""Ready settings of SMS gateways; an account may overrule any of them. Sources: docs/channels.md.

`postponed`, `refused`, `failed` and `bounced` list the provider's error codes. A code that stands nowhere means FAILED:
the message was certainly not taken, and a person has to look.
"""

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "smsru": {
        "url": "https://sms.ru/sms/send",
        "format": "form",
        "fields": {"api_id": "{api_id}", "to": "{digits}", "msg": "{text}", "from": "{sender}", "json": "1"},
        "secrets": {"api_id": "SMSRU_API_ID"},
        "success_path": "sms.{digits}.status",
        "success_value": "OK",
        "id_path": "sms.{digits}.sms_id",
        # The request as a whole may fail, or only this number.
        "error_paths": ["sms.{digits}.status_code", "status_code"],
        "refused": ["203", "205", "207", "209", "214", "230", "231", "232"],
        "bounced": ["202"],
        "postponed": ["206", "220", "500"],
        "check_url": "https://sms.ru/auth/check",
        "check_fields": {"api_id": "{api_id}", "json": "1"},
        "check_path": "status_code",
        "check_value": "100",
    },
    "smsc": {
        "url": "https://smsc.ru/sys/send.php",
        "format": "form",
        "fields": {
            "apikey": "{apikey}", "phones": "{to}", "mes": "{text}", "sender": "{sender}", "fmt": "3",
            "charset": "utf-8",
        },
        "secrets": {"apikey": "SMSC_API_KEY"},
        "success_path": "cnt",
        "id_path": "id",
        "parts_path": "cnt",
        "error_paths": ["error_code"],
        "refused": ["6", "8"],
        "bounced": ["7"],
        "postponed": ["4", "9"],
        "check_url": "https://smsc.ru/sys/balance.php",
        "check_fields": {"apikey": "{apikey}", "fmt": "3"},
        "check_path": "balance",
    },
    "exolve": {
        "url": "https://api.exolve.ru/messaging/v1/SendSMS",
        "format": "json",
        "headers": {"Authorization": "Bearer {token}"},
        "fields": {"number": "{sender}", "destination": "{digits}", "text": "{text}"},
        "secrets": {"token": "EXOLVE_TOKEN"},
        "success_path": "message_id",
        "id_path": "message_id",
        "error_paths": ["error.code"],
        "check_url": "https://api.exolve.ru/messaging/v1/GetAlphaNames",
    },
    "catcher": {
        "format": "json",
        "fields": {"to": "{to}", "text": "{text}", "sender": "{sender}", "key": "{key}", "message": "{message_id}"},
        "success_path": "status",
        "success_value": "accepted",
        "id_path": "id",
        "parts_path": "parts",
        "error_paths": ["code"],
        "refused": ["blocked"],
        "bounced": ["no_such_number"],
        "postponed": ["busy"],
        "idempotent": True,
    },
}  # fmt: skip


def real_presets() -> list[str]:
    """The gateways that bring messages to telephones."""
    return [name for name in PRESETS if name != "catcher"]


def secrets_of(preset: str) -> list[str]:
    """The environment variables a gateway's secrets are taken from."""
    return list(PRESETS[preset].get("secrets", {}).values())
