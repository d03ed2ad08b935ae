"""Contacts for those who may know that they are there, but not what they are."""


def masked(text: str) -> str:
    """`+79161234567` as `+7 ••• ••-67`, `anna@mail.ru` as `a•••@m•••`; nothing stays nothing."""
    if not text:
        return ""
    if "@" in text:
        name, _, host = text.partition("@")
        return f"{name[:1]}•••@{host[:1]}•••"
    return f"{text[:2]} ••• ••-{text[-2:]}"


def readable_phone(phone: str) -> str:
    """`+79161234567` as `+7 916 123-45-67`; numbers of other countries stay as they are."""
    if len(phone) == 12 and phone.startswith("+7"):
        return f"+7 {phone[2:5]} {phone[5:8]}-{phone[8:10]}-{phone[10:]}"
    return phone
