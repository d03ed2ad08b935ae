# ruff: noqa: E501, I001 - letters are not cut into lines
"""Ready rules around an appointment: reminder, changes, payment, no-show, review (C3, C16, D3)."""

import datetime

from campaigns.models import Purpose
from triggers.models import Goal, Unit
from triggers.services.starters.pieces import (
    CALL, EMAIL, HELLO_EN, HELLO_RU, SMS, YOU_EN, YOU_RU, Starter, Step, advert, advert_sms, call, notice, notice_sms,
)  # fmt: skip

_WHEN_RU = "{% if appointment.date %} {{ appointment.date | day }} в {{ appointment.time }}{% if appointment.branch %}, {{ appointment.branch }}{% endif %}{% endif %}"
_WHEN_EN = "{% if appointment.date %} on {{ appointment.date | day }} at {{ appointment.time }}{% if appointment.branch %}, {{ appointment.branch }}{% endif %}{% endif %}"
_CARD_RU = """{% if appointment.date %}
- когда: **{{ appointment.date | day }}, {{ appointment.time }}**
- где: {{ appointment.branch | default: "наша клиника" }}
- врач: {{ appointment.doctor | default: "уточнит администратор" }}
- приём: {{ appointment.service | default: "по записи" }}
{% endif %}"""
_CARD_EN = """{% if appointment.date %}
- when: **{{ appointment.date | day }}, {{ appointment.time }}**
- where: {{ appointment.branch | default: "our clinic" }}
- doctor: {{ appointment.doctor | default: "the front desk will say" }}
- for: {{ appointment.service | default: "the visit you have booked" }}
{% endif %}"""
_LINKS_RU = "Планы изменились? [Перенести]({{ move_url }}) или [отменить]({{ cancel_url }}) можно в одно нажатие."
_LINKS_EN = "Have your plans changed? [Move]({{ move_url }}) or [cancel]({{ cancel_url }}) with one click."

REMINDER = Starter(
    "appointment_reminder", "appointment_reminder", "Напоминание о записи", "Appointment reminder",
    "За двое суток письмо с кнопкой «Подтвердить», за сутки и за два часа SMS. Перенос или отмена снимают напоминания о прежнем времени.",
    "A mail with a button 48 hours before, an SMS 24 and 2 hours before. A moved or cancelled appointment is not reminded of.",
    purpose=Purpose.SERVICE, fields={"priority": 100, "goal": Goal.NONE},
    steps=(
        Step(-48, {EMAIL: notice(
            (f"Запись{_WHEN_RU}", "Подтвердите визит одним нажатием",
             f"""# Ждём {YOU_RU} на приём

{HELLO_RU}, напоминаем о записи.

{_CARD_RU}

[[Подтвердить визит]]({{{{ confirm_url }}}})

{_LINKS_RU}"""),
            (f"Your appointment{_WHEN_EN}", "Confirm it with one click",
             f"""# We are expecting {YOU_EN}

{HELLO_EN}, this is a reminder of the appointment.

{_CARD_EN}

[[Confirm]]({{{{ confirm_url }}}})

{_LINKS_EN}"""))}, unit=Unit.HOUR, useful_hours=20),
        Step(-24, {SMS: notice_sms(
            f"{HELLO_RU}, ждём {YOU_RU}{_WHEN_RU}. Подтвердить или перенести: {{{{ appointment_url }}}} {{{{ clinic.name }}}}",
            f"{HELLO_EN}, we expect {YOU_EN}{_WHEN_EN}. Confirm or move: {{{{ appointment_url }}}} {{{{ clinic.name }}}}")},
             unit=Unit.HOUR, useful_hours=12),
        Step(-2, {SMS: notice_sms(
            f"{HELLO_RU}, ждём {YOU_RU} сегодня{{% if appointment.time %}} в {{{{ appointment.time }}}}{{% endif %}}. {{{{ clinic.name }}}}",
            f"{HELLO_EN}, we expect {YOU_EN} today{{% if appointment.time %}} at {{{{ appointment.time }}}}{{% endif %}}. {{{{ clinic.name }}}}")},
             unit=Unit.HOUR, useful_hours=1),
    ),
)  # fmt: skip

MOVED = Starter(
    "appointment_moved", "appointment_changed", "Запись перенесена", "Appointment moved",
    "Сразу после переноса: новое время, врач и филиал, SMS или письмом.",
    "Right after the change: the new time, doctor and branch, by mail or SMS.",
    purpose=Purpose.SERVICE, params={"moved": True, "cancelled": False}, fields={"priority": 90, "goal": Goal.NONE},
    steps=(
        Step(0, {
            EMAIL: notice(
                (f"Запись перенесена:{_WHEN_RU}", "Новое время приёма",
                 f"""# Запись перенесена

{HELLO_RU}, время приёма изменилось. Теперь:

{_CARD_RU}

{_LINKS_RU}"""),
                (f"Your appointment has moved:{_WHEN_EN}", "The new time",
                 f"""# The appointment has moved

{HELLO_EN}, the time has changed. It is now:

{_CARD_EN}

{_LINKS_EN}""")),
            SMS: notice_sms(
                f"{HELLO_RU}, запись перенесена. Ждём {YOU_RU}{_WHEN_RU}. {{{{ clinic.name }}}}",
                f"{HELLO_EN}, the appointment has moved. We expect {YOU_EN}{_WHEN_EN}. {{{{ clinic.name }}}}"),
        }, unit=Unit.MINUTE, useful_hours=12),
    ),
)  # fmt: skip

CANCELLED = Starter(
    "appointment_cancelled", "appointment_changed", "Запись отменена", "Appointment cancelled",
    "Сразу после отмены: подтверждение, что записи больше нет, и как записаться снова.",
    "Right after the cancellation: that it is cancelled, and how to book again.",
    purpose=Purpose.SERVICE, params={"moved": False, "cancelled": True}, fields={"priority": 90, "goal": Goal.NONE},
    steps=(
        Step(0, {
            EMAIL: notice(
                ("Запись отменена", "Если это ошибка, ответьте на письмо",
                 f"""# Запись отменена

{HELLO_RU}, приём отменён. Если это ошибка или вы хотите выбрать другое время, ответьте на это письмо: администратор поможет."""),
                ("Your appointment is cancelled", "If this is a mistake, answer this mail",
                 f"""# The appointment is cancelled

{HELLO_EN}, the appointment is cancelled. If this is a mistake, or you would like another time, answer this mail: the front desk will help.""")),
            SMS: notice_sms(
                f"{HELLO_RU}, запись отменена. Выбрать другое время поможет администратор. {{{{ clinic.name }}}}",
                f"{HELLO_EN}, the appointment is cancelled. The front desk will help with another time. {{{{ clinic.name }}}}"),
        }, unit=Unit.MINUTE, useful_hours=12),
    ),
)  # fmt: skip

PAID = Starter(
    "payment_received", "payment_received", "Оплата получена", "Payment received",
    "Через четверть часа после оплаты: спасибо, деньги получены.",
    "A quarter of an hour after a payment: thank you, it has been received.",
    purpose=Purpose.SERVICE, fields={"priority": 60, "goal": Goal.NONE},
    steps=(
        Step(15, {EMAIL: notice(
            ("Оплата получена, спасибо", "Деньги поступили в клинику",
             f"""# Оплата получена

{HELLO_RU}, ваш платёж поступил, спасибо. Если нужны документы для налогового вычета, ответьте на это письмо: подготовим справку."""),
            ("Payment received, thank you", "The money has reached the clinic",
             f"""# Payment received

{HELLO_EN}, your payment has arrived, thank you. If you need papers for a tax refund, answer this mail."""))},
             unit=Unit.MINUTE, useful_hours=24),
    ),
)  # fmt: skip

NO_SHOW = Starter(
    "no_show", "no_show", "Не пришёл на приём", "Did not come",
    "На следующий день SMS: предложить другое время; через три дня звонок.",
    "An SMS the next day with another time; a call after three days.",
    params={"no_show": True, "cancelled": False}, fields={"priority": 40},
    steps=(
        Step(1, {
            EMAIL: advert(
                (f"{HELLO_RU}, выберем другое время?", "Вчера мы вас не дождались",
                 f"""# Выберем другое время?

{HELLO_RU}, на прошлый приём прийти не получилось — так бывает. Напишите, какой день вам удобен, и мы запишем снова."""),
                (f"{HELLO_EN}, shall we find another time?", "We missed you yesterday",
                 f"""# Shall we find another time?

{HELLO_EN}, the last appointment did not work out; it happens. Tell us which day suits you, and we will book it.""")),
            SMS: advert_sms(f"{HELLO_RU}, не дождались вас. Подобрать другое время?",
                            f"{HELLO_EN}, we missed you. Shall we find another time?"),
        }, useful_hours=48),
        Step(3, {CALL: call("Вы были записаны, но прийти не получилось. Всё ли в порядке? Подобрать другое время?",
                            "You had an appointment that did not work out. Is everything all right? Shall we find another time?")},
             useful_hours=96),
    ),
)  # fmt: skip

CALLED_OFF = Starter(
    "cancelled_win_back", "no_show", "Отменил запись и не выбрал новую", "Cancelled and did not book again",
    "Через два дня после отмены письмо, через неделю звонок, если новой записи нет.",
    "A mail two days after a cancellation and a call after a week, if nothing new is booked.",
    params={"no_show": False, "cancelled": True}, fields={"priority": 35},
    steps=(
        Step(2, {EMAIL: advert(
            (f"{HELLO_RU}, найдём новое время?", "Прежняя запись отменена, новой пока нет",
             f"""# Найдём новое время?

{HELLO_RU}, прежняя запись отменена, а новой пока нет. Чтобы не откладывать, напишите удобный день и час — подберём врача."""),
            (f"{HELLO_EN}, shall we find a new time?", "The old appointment is cancelled, there is no new one yet",
             f"""# Shall we find a new time?

{HELLO_EN}, the appointment was cancelled and there is no new one yet. Tell us a day and an hour, and we will find a doctor."""))}),
        Step(7, {CALL: call("Вы отменили запись. Можем предложить другое время или другого врача?",
                            "You cancelled an appointment. May we suggest another time or another doctor?")},
             useful_hours=96),
    ),
)  # fmt: skip

REVIEW = Starter(
    "review_request", "review", "Оценка визита от 0 до 10", "A score for the visit, 0 to 10",
    "На следующий день после приёма: страница с оценкой. 0–6 сразу становится звонком менеджера, 9–10 — просьбой об открытом отзыве.",
    "The day after a visit: a page with a score. 0–6 becomes a call at once, 9–10 is asked for a public review.",
    purpose=Purpose.SERVICE, fields={"priority": 25, "goal": Goal.NONE, "cooldown_days": 90},
    steps=(
        Step(1, {
            EMAIL: notice(
                ("Как прошёл ваш визит?", "Один вопрос, оценка от 0 до 10",
                 f"""# Как всё прошло?

{HELLO_RU}, спасибо, что были у нас. Насколько вероятно, что вы порекомендуете нас близким? Ответ займёт десять секунд.

[[Поставить оценку]]({{{{ score_url }}}})

Если что-то было не так, напишите там же: это прочитает управляющий."""),
                ("How was your visit?", "One question, a score from 0 to 10",
                 f"""# How was it?

{HELLO_EN}, thank you for coming. How likely are you to recommend us to those close to you? It takes ten seconds.

[[Give a score]]({{{{ score_url }}}})

If something was not right, write it there: the manager of the clinic reads it.""")),
            SMS: notice_sms(
                f"{HELLO_RU}, оцените визит от 0 до 10: {{{{ score_url }}}} {{{{ clinic.name }}}}",
                f"{HELLO_EN}, please score your visit from 0 to 10: {{{{ score_url }}}} {{{{ clinic.name }}}}"),
        }, at=datetime.time(12, 0), useful_hours=48),
    ),
)  # fmt: skip

STARTERS = (REMINDER, MOVED, CANCELLED, PAID, NO_SHOW, CALLED_OFF, REVIEW)
