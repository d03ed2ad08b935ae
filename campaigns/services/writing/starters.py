# ruff: noqa: E501 - letters are not cut into lines
"""Texts to begin with: what clinics send most (A4, B1, C17, D4), in both languages, ready to be changed."""

import re
from dataclasses import dataclass

from campaigns.models import Channel, Purpose


@dataclass(frozen=True, slots=True)
class Words:
    subject: str
    preheader: str
    body: str


@dataclass(frozen=True, slots=True)
class Starter:
    code: str
    names: dict[str, str]
    channel: str
    texts: dict[str, Words]
    purpose: str = Purpose.MARKETING


_SMS_RU = " {{ warning }} Отказ: {{ unsubscribe_url }}"
_SMS_EN = " {{ warning }} Opt out: {{ unsubscribe_url }}"


def _mail(subject: str, preheader: str, body: str) -> Words:
    """A mail with its footer. Lines broken here for the width of the file are one paragraph in the letter."""
    whole = re.sub(r"(?<=[^\n])\n(?=[a-zа-яё])", " ", body.strip())
    return Words(subject, preheader, whole + "\n\n:::footer\n")


STARTERS = (
    Starter(
        "pmu_mail", {"ru": "Коррекция перманентного макияжа — письмо", "en": "Permanent make-up correction: mail"},
        Channel.EMAIL,
        {
            "ru": _mail(
                "{{ recipient.first_name | default: \"Здравствуйте\" }}, пора освежить результат",
                "Через год-полтора цвет становится мягче: самое время для коррекции",
                """# {{ recipient.first_name | default: "Здравствуйте" }}, как ваш макияж?

Через год-полтора после первой процедуры цвет становится мягче, а контур — спокойнее. Короткая коррекция вернёт форму
и оттенок, и каждое утро снова можно не краситься.

- мастер посмотрит, как лёг пигмент, и подберёт оттенок;
- процедура короче первой;
- больше всего спрашивают, не будет ли слишком ярко: оттенок вы утвердите сами, до начала.

:::offer

{% if offer.url %}
[[Выбрать время]]({{ offer.url }})
{% endif %}

Можно просто ответить на это письмо, и администратор предложит удобный час.
""",
            ),
            "en": _mail(
                "{{ recipient.first_name | default: \"Hello\" }}, time to refresh the result",
                "After a year or so the colour softens: a good moment for a correction",
                """# {{ recipient.first_name | default: "Hello" }}, how is your make-up?

Twelve to eighteen months after the first procedure the colour softens and the contour fades. A short correction brings
back shape and shade.

- the artist looks at how the pigment has settled and chooses a shade;
- it takes less time than the first procedure;
- you approve the shade before anything begins.

:::offer

{% if offer.url %}
[[Choose a time]]({{ offer.url }})
{% endif %}

Or just answer this mail, and the front desk will suggest an hour.
""",
            ),
        },
    ),
    Starter(
        "pmu_sms", {"ru": "Коррекция перманентного макияжа — SMS", "en": "Permanent make-up correction: SMS"},
        Channel.SMS,
        {
            "ru": Words("", "", "{{ recipient.first_name | default: \"Здравствуйте\" }}, пора на коррекцию макияжа"
                        "{% if offer.promo_code %}, код {{ offer.promo_code }}{% endif %}." + _SMS_RU),
            "en": Words("", "", "{{ recipient.first_name | default: \"Hello\" }}, time for your make-up correction"
                        "{% if offer.promo_code %}, code {{ offer.promo_code }}{% endif %}." + _SMS_EN),
        },
    ),
    Starter(
        "vip", {"ru": "Персональный менеджер для VIP — письмо", "en": "Personal manager for VIPs: mail"},
        Channel.EMAIL,
        {
            "ru": _mail(
                "{{ recipient.name | default: \"Здравствуйте\" }}, теперь у вас есть персональный менеджер",
                "Запись вне очереди и один номер для любых вопросов",
                """# {{ recipient.name | default: "Здравствуйте" }}, спасибо, что вы с нами

С сегодняшнего дня о ваших визитах заботится персональный менеджер:

- запись на удобное время, в том числе к заведующим отделениями;
- визиты нескольких специалистов в один день;
- напоминания о плановых осмотрах — только те, что нужны вам.

:::offer

Ответьте на это письмо, и менеджер свяжется с вами в течение рабочего дня.
""",
            ),
            "en": _mail(
                "{{ recipient.name | default: \"Hello\" }}, you now have a personal manager",
                "Priority booking and one contact for every question",
                """# {{ recipient.name | default: "Hello" }}, thank you for being with us

From today a personal manager looks after your visits:

- appointments at times that suit you, heads of departments included;
- several specialists in one day;
- reminders of the check-ups that concern you, and of no others.

:::offer

Answer this mail, and the manager will be in touch within a working day.
""",
            ),
        },
    ),
    Starter(
        "birthday", {"ru": "День рождения — письмо", "en": "Birthday: mail"}, Channel.EMAIL,
        {
            "ru": _mail(
                "{{ recipient.first_name | default: \"Здравствуйте\" }}, с днём рождения!",
                "Небольшой подарок от клиники",
                """# {{ recipient.first_name | default: "Здравствуйте" }}, с днём рождения!

{% if recipient.is_guardian %}
Поздравляем вас и {{ patient.first_name | default: "вашего ребёнка" | case: "accusative" }}! Растите здоровыми.
{% else %}
Здоровья, сил и хорошего года. Мы рады, что вы выбрали нас.
{% endif %}

:::offer
""",
            ),
            "en": _mail(
                "Happy birthday, {{ recipient.first_name | default: \"dear patient\" }}!",
                "A small present from the clinic",
                """# Happy birthday, {{ recipient.first_name | default: "dear patient" }}!

{% if recipient.is_guardian %}
Our best wishes to you and to {{ patient.first_name | default: "your child" }}!
{% else %}
Health, strength and a good year. We are glad that you chose us.
{% endif %}

:::offer
""",
            ),
        },
    ),
    Starter(
        "win_back", {"ru": "Давно не виделись — письмо", "en": "We have missed you: mail"}, Channel.EMAIL,
        {
            "ru": _mail(
                "{{ recipient.first_name | default: \"Здравствуйте\" }}, давно не виделись",
                "Расскажем, что изменилось, и предложим удобное время",
                """# {{ recipient.first_name | default: "Здравствуйте" }}, давно не виделись

{% if last_visit.date %}
Последний раз вы были у нас {{ last_visit.date | date }}{% if doctor.name %}, врач — {{ doctor.name }}{% endif %}.
{% endif %}
Если что-то пошло не так, ответьте на это письмо: его прочитает управляющий, и мы всё исправим.

:::offer

{% if offer.url %}
[[Вернуться]]({{ offer.url }})
{% endif %}
""",
            ),
            "en": _mail(
                "{{ recipient.first_name | default: \"Hello\" }}, it has been a while",
                "What is new, and a time that suits you",
                """# {{ recipient.first_name | default: "Hello" }}, it has been a while

{% if last_visit.date %}
You were last with us on {{ last_visit.date | date }}{% if doctor.name %}, with {{ doctor.name }}{% endif %}.
{% endif %}
If something went wrong, answer this mail: the manager of the clinic reads it.

:::offer

{% if offer.url %}
[[Come back]]({{ offer.url }})
{% endif %}
""",
            ),
        },
    ),
    Starter(
        "hygiene_mail", {"ru": "Плановая гигиена зубов — письмо", "en": "Dental hygiene recall: mail"}, Channel.EMAIL,
        {
            "ru": _mail(
                "{{ recipient.first_name | default: \"Здравствуйте\" }}, пора на плановую гигиену",
                "Раз в полгода: чистка и осмотр за один визит",
                """# Пора на плановую гигиену

{{ recipient.first_name | default: "Здравствуйте" }}, {% if recipient.is_guardian %}{{ patient.first_name | default: "вашему ребёнку" | case: "dative" }} пора на плановую чистку{% else %}с прошлой чистки прошло около полугода{% endif %}. За один визит врач снимет налёт и посмотрит, всё ли в порядке.

:::offer

{% if offer.url %}
[[Записаться]]({{ offer.url }})
{% endif %}
""",
            ),
            "en": _mail(
                "{{ recipient.first_name | default: \"Hello\" }}, time for your dental hygiene",
                "Every half a year: cleaning and a check in one visit",
                """# Time for dental hygiene

{{ recipient.first_name | default: "Hello" }}, {% if recipient.is_guardian %}it is time for the cleaning of {{ patient.first_name | default: "your child" }}{% else %}about half a year has passed since the last cleaning{% endif %}. One visit is enough for the cleaning and a check.

:::offer

{% if offer.url %}
[[Book]]({{ offer.url }})
{% endif %}
""",
            ),
        },
    ),
    Starter(
        "hygiene_sms", {"ru": "Плановая гигиена зубов — SMS", "en": "Dental hygiene recall: SMS"}, Channel.SMS,
        {
            "ru": Words("", "", "{{ recipient.first_name | default: \"Здравствуйте\" }}, пора на плановую гигиену: раз в "
                        "полгода." + _SMS_RU),
            "en": Words("", "", "{{ recipient.first_name | default: \"Hello\" }}, time for your half-yearly dental "
                        "hygiene." + _SMS_EN),
        },
    ),
    Starter(
        "overdue_call", {"ru": "Звонок давно не бывшим", "en": "Call to those who are overdue"}, Channel.CALL,
        {
            "ru": Words("", "", """Здравствуйте! Могу я поговорить с {{ recipient.name | default: "пациентом" | case: "instrumental" }}?

Меня зовут …, {{ clinic.name }}.{% if last_visit.date %} Вы были у нас {{ last_visit.date | date }}{% if doctor.name %}, врач — {{ doctor.name }}{% endif %}.{% endif %} Врач советует показаться снова. Когда вам удобно?
{% if offer.name %}
Предложение: {{ offer.name }}{% if offer.benefit %}, {{ offer.benefit }}{% endif %}. {{ offer.terms }}
{{ warning }}
{% endif %}
Если не хочет: «Скажите, можно ли звонить вам снова?» Отказ отметить кнопкой «Просил не звонить».
"""),
            "en": Words("", "", """Hello! May I speak to {{ recipient.name | default: "the patient" }}?

My name is …, {{ clinic.name }}.{% if last_visit.date %} You were with us on {{ last_visit.date | date }}{% if doctor.name %}, with {{ doctor.name }}{% endif %}.{% endif %} The doctor would like to see you again. When would it suit you?
{% if offer.name %}
Offer: {{ offer.name }}{% if offer.benefit %}, {{ offer.benefit }}{% endif %}. {{ offer.terms }}
{{ warning }}
{% endif %}
If not: “May we call you again?” Opt out: press “Asked not to be called”.
"""),
        },
    ),
    Starter(
        "reminder_sms", {"ru": "Напоминание о записи — SMS", "en": "Appointment reminder: SMS"}, Channel.SMS,
        {
            "ru": Words("", "", "{{ recipient.first_name | default: \"Здравствуйте\" }}, ждём вас"
                        "{% if appointment.date %} {{ appointment.date | day }} в {{ appointment.time }}"
                        "{% if appointment.branch %}, {{ appointment.branch }}{% endif %}{% endif %}. "
                        "{{ clinic.name }}"),
            "en": Words("", "", "{{ recipient.first_name | default: \"Hello\" }}, we are expecting you"
                        "{% if appointment.date %} on {{ appointment.date | day }} at {{ appointment.time }}"
                        "{% if appointment.branch %}, {{ appointment.branch }}{% endif %}{% endif %}. "
                        "{{ clinic.name }}"),
        },
        Purpose.SERVICE,
    ),
)  # fmt: skip
