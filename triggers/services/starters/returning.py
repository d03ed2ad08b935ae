# ruff: noqa: E501, I001 - letters are not cut into lines
"""Ready rules for the return: cyclic services, what the doctor prescribed, missed cycles (B1, B3, A4, C15)."""

from triggers.models import Goal
from triggers.services.starters.pieces import (
    CALL, EMAIL, HELLO_EN, HELLO_RU, SMS, YOU_EN, YOU_RU, Starter, Step, advert, advert_sms, call,
)  # fmt: skip

_LAST_RU = "{% if last_visit.date %}Вы были у нас {{ last_visit.date | date }}{% if doctor.name %}, врач — {{ doctor.name }}{% endif %}.{% endif %}"
_LAST_EN = "{% if last_visit.date %}You were with us on {{ last_visit.date | date }}{% if doctor.name %}, with {{ doctor.name }}{% endif %}.{% endif %}"

LENSES = Starter(
    "contact_lenses", "recall", "Контактные линзы: новая упаковка", "Contact lenses: a new pack",
    "Упаковка заканчивается в известный день. За 7 дней письмо, за 3 дня ещё одно, в сам день SMS, а кого так не достать — звонок. Запись на линзы останавливает цепочку.",
    "A pack ends on a known day. A mail 7 days before, another 3 days before, an SMS or a call on the day itself. Booking lenses ends the ladder.",
    services=("линз",), params={"days": 30, "together": True}, fields={"priority": 20, "goal": Goal.SERVICE},
    steps=(
        Step(-7, {EMAIL: advert(
            (f"{HELLO_RU}, линзы скоро закончатся", "Через неделю понадобится новая упаковка: отложим её для вас",
             f"""# Через неделю — новая упаковка

{HELLO_RU}, по нашим записям ваши линзы рассчитаны ещё примерно на неделю. Закажите новую упаковку заранее: она будет ждать вас в клинике, и носить линзы дольше срока не придётся.

- те же параметры уже записаны в вашей карте;
- если за это время зрение изменилось, врач проверит его и подберёт линзы заново.

Чтобы заказать, ответьте на это письмо."""),
            (f"{HELLO_EN}, your lenses are about to run out", "A new pack is due in a week: we will set it aside for you",
             f"""# A new pack is due in a week

{HELLO_EN}, by our notes your lenses will last for about one more week. Order the next pack in time: it will wait for you at the clinic.

- your parameters are in your card;
- if your eyesight has changed, the doctor will check it and fit the lenses anew.

To order, just answer this mail."""))}),
        Step(-3, {EMAIL: advert(
            (f"{HELLO_RU}, осталось три дня", "Новая упаковка линз: заказ в одно письмо",
             f"""# Линз осталось на три дня

{HELLO_RU}, напоминаем ещё раз: срок вашей упаковки подходит к концу. Менять линзы вовремя важно для здоровья глаз.

Ответьте «да» на это письмо, и мы отложим упаковку с вашими параметрами."""),
            (f"{HELLO_EN}, three days left", "A new pack of lenses: one mail is enough",
             f"""# Lenses for three more days

{HELLO_EN}, a second reminder: your pack is coming to its end. Changing lenses in time matters for the health of your eyes.

Answer “yes” to this mail, and we will set a pack with your parameters aside."""))}),
        Step(0, {
            SMS: advert_sms(f"{HELLO_RU}, сегодня срок менять линзы. Отложить вам новую упаковку?",
                            f"{HELLO_EN}, today is the day to change your lenses. Shall we set a new pack aside?"),
            CALL: call("Срок вашей упаковки линз закончился. Отложить новую с теми же параметрами? Когда удобно забрать?",
                       "Your pack of lenses has come to its end. Shall we set a new one aside? When would you collect it?"),
        }),
    ),
)  # fmt: skip

HYGIENE = Starter(
    "dental_hygiene", "recall", "Гигиена полости рта раз в полгода", "Dental hygiene every half a year",
    "За 7 дней письмо, в сам день SMS, через две недели звонок. Запись на другую услугу не мешает: останавливает только запись на гигиену.",
    "A mail 7 days before, an SMS on the day, a call two weeks later. Only an appointment for hygiene ends it.",
    services=("гигиен",), params={"together": True}, fields={"priority": 15, "goal": Goal.SERVICE},
    steps=(
        Step(-7, {EMAIL: advert(
            (f"{HELLO_RU}, пора на плановую гигиену", "Чистка и осмотр за один визит",
             f"""# Пора на плановую гигиену

{HELLO_RU}, {{% if recipient.is_guardian %}}{{{{ patient.first_name | default: "вашему ребёнку" | case: "dative" }}}} скоро пора на плановую чистку{{% else %}}с прошлой чистки прошло около полугода{{% endif %}}. За один визит врач снимет налёт и посмотрит, всё ли в порядке: небольшие проблемы проще решать сразу.

Ответьте на это письмо, и мы подберём удобное время."""),
            (f"{HELLO_EN}, time for your dental hygiene", "Cleaning and a check in one visit",
             f"""# Time for dental hygiene

{HELLO_EN}, {{% if recipient.is_guardian %}}the next cleaning of {{{{ patient.first_name | default: "your child" }}}} is due soon{{% else %}}about half a year has passed since your last cleaning{{% endif %}}. One visit is enough for the cleaning and a check.

Answer this mail, and we will find a time that suits you."""))}, useful_hours=120),
        Step(0, {SMS: advert_sms(f"{HELLO_RU}, пора на плановую гигиену, раз в полгода. Ждём {YOU_RU}.",
                                 f"{HELLO_EN}, time for the half-yearly dental hygiene.")}),
        Step(14, {CALL: call(f"Ждём {YOU_RU} на плановую гигиену: с прошлой прошло больше полугода. Когда удобно прийти?",
                             f"We expect {YOU_EN} for dental hygiene: the last one was more than half a year ago. When would it suit you?")},
             useful_hours=168),
    ),
)  # fmt: skip

CYCLIC = Starter(
    "cyclic_services", "recall", "Плановый визит: все повторяющиеся услуги", "Regular visit: every service that repeats",
    "Для всех услуг, у которых в справочнике указан срок повтора: за 7 дней письмо, за 3 дня ещё одно, через неделю после срока звонок.",
    "For every service with a recall interval: a mail 7 days before, another 3 days before, a call a week after.",
    fields={"priority": 5, "goal": Goal.SERVICE},
    steps=(
        Step(-7, {EMAIL: advert(
            (f"{HELLO_RU}, подходит срок планового визита", "Подберём удобное время, пока есть выбор",
             f"""# Подходит срок планового визита

{HELLO_RU}, через неделю снова пора: {{{{ service.name | default: "плановый визит" }}}}{{% if recipient.is_guardian %}} ({{{{ patient.first_name | default: "ваш ребёнок" }}}}){{% endif %}}. Записаться лучше сейчас, пока есть удобные часы.

{_LAST_RU}

Ответьте на это письмо и напишите, какой день вам подходит."""),
            (f"{HELLO_EN}, your regular visit is due soon", "Choose a time while there is a choice",
             f"""# Your regular visit is due soon

{HELLO_EN}, this is due in a week: {{{{ service.name | default: "a regular visit" }}}}{{% if recipient.is_guardian %}} ({{{{ patient.first_name | default: "your child" }}}}){{% endif %}}. Book now, while there are convenient hours.

{_LAST_EN}

Answer this mail and tell us which day suits you."""))}, useful_hours=72),
        Step(-3, {EMAIL: advert(
            (f"{HELLO_RU}, запишем вас на плановый визит?", "Осталось выбрать день",
             f"""# Осталось выбрать день

{HELLO_RU}, срок планового визита совсем близко: {{{{ service.name | default: "приём" }}}}. Если время ещё не выбрано, просто ответьте на это письмо: администратор предложит ближайшие часы."""),
            (f"{HELLO_EN}, shall we book your regular visit?", "Only the day is still to be chosen",
             f"""# Only the day is still to be chosen

{HELLO_EN}, this is due in a few days: {{{{ service.name | default: "a visit" }}}}. Answer this mail, and the front desk will suggest the next free hours."""))}),
        Step(7, {CALL: call(
            "Подошёл срок планового визита: {{ service.name | default: \"приём\" }}. Когда вам было бы удобно?",
            "Your regular visit is due: {{ service.name | default: \"an appointment\" }}. When would it suit you?")},
            useful_hours=168),
    ),
)  # fmt: skip

CORRECTION = Starter(
    "pmu_correction", "recall", "Коррекция перманентного макияжа", "Permanent make-up correction",
    "Год с небольшим после процедуры — письмо о коррекции, через две недели SMS. Только тем, кто её делал.",
    "A year and a month after the procedure a mail about the correction, an SMS two weeks later.",
    services=("перманент",), params={"days": 395, "together": True}, fields={"priority": 10, "goal": Goal.SERVICE},
    steps=(
        Step(0, {EMAIL: advert(
            (f"{HELLO_RU}, пора освежить результат", "Через год цвет становится мягче: самое время для коррекции",
             f"""# {HELLO_RU}, как ваш макияж?

Через год-полтора после процедуры цвет становится мягче, а контур — спокойнее. Короткая коррекция вернёт форму и оттенок, и каждое утро снова можно не краситься.

- мастер посмотрит, как лёг пигмент, и подберёт оттенок;
- оттенок вы утвердите сами, до начала.

Ответьте на это письмо, и администратор предложит удобный час."""),
            (f"{HELLO_EN}, time to refresh the result", "After a year the colour softens: a good moment for a correction",
             f"""# {HELLO_EN}, how is your make-up?

Twelve to eighteen months after the procedure the colour softens and the contour fades. A short correction brings back shape and shade.

- the artist looks at how the pigment has settled;
- you approve the shade before anything begins.

Answer this mail, and the front desk will suggest an hour."""))}, useful_hours=168),
        Step(14, {SMS: advert_sms(f"{HELLO_RU}, пора на коррекцию макияжа: оттенок утвердите сами.",
                                  f"{HELLO_EN}, time for your make-up correction.")}),
    ),
)  # fmt: skip

PRESCRIBED = Starter(
    "prescribed_return", "prescribed_return", "Врач назначил повторный приём, записи нет", "A return was prescribed, nothing is booked",
    "День, названный врачом, близко или прошёл, а записи нет. За 5 дней письмо, на следующий день после срока SMS, через 4 дня звонок.",
    "The day the doctor named is near or past and nothing is booked. A mail 5 days before, an SMS the day after, a call on the fourth day.",
    fields={"priority": 30},
    steps=(
        Step(-5, {EMAIL: advert(
            (f"{HELLO_RU}, врач ждёт вас на повторный приём", "Срок, который назвал врач, подходит",
             f"""# Врач просил показаться снова

{HELLO_RU}, {{% if doctor.name %}}{{{{ doctor.name }}}} ждёт{{% else %}}врач ждёт{{% endif %}} {YOU_RU} на повторный приём: назначенный срок подходит. Повторный приём нужен, чтобы оценить результат и при необходимости поправить назначения.

Ответьте на это письмо, и мы найдём время."""),
            (f"{HELLO_EN}, the doctor would like to see you again", "The day the doctor named is near",
             f"""# The doctor asked to see you again

{HELLO_EN}, {{% if doctor.name %}}{{{{ doctor.name }}}} expects{{% else %}}the doctor expects{{% endif %}} {YOU_EN} again: the day that was named is near. A second look shows how things have gone and whether anything should be changed.

Answer this mail, and we will find a time."""))}),
        Step(1, {SMS: advert_sms(f"{HELLO_RU}, подошёл срок повторного приёма. Запишитесь, пожалуйста.",
                                 f"{HELLO_EN}, your return visit is due. Please book a time.")}),
        Step(4, {CALL: call("Врач назначил повторный приём, срок подошёл, а записи пока нет. Всё ли в порядке? Когда удобно прийти?",
                            "The doctor prescribed a second visit; it is due and nothing is booked. Is everything all right? When would it suit you?")},
             useful_hours=120),
    ),
)  # fmt: skip

MISSED = Starter(
    "missed_cycle", "missed_cycle", "Пропущен срок: давно не приходили", "A cycle was missed",
    "Пациент пропустил свой обычный срок визита. Письмо сразу, SMS через две недели, звонок через месяц.",
    "The patient has missed the usual interval. A mail at once, an SMS two weeks later, a call after a month.",
    fields={"priority": 8, "cooldown_days": 90},
    steps=(
        Step(0, {EMAIL: advert(
            (f"{HELLO_RU}, давно не виделись", "Расскажите, как дела, и выберите удобное время",
             f"""# {HELLO_RU}, давно не виделись

{_LAST_RU} Обычно к этому времени приходят снова. Если что-то пошло не так, ответьте на это письмо: его прочитает управляющий, и мы всё исправим.

А если просто не дошли руки — напишите, какой день удобен, и мы запишем."""),
            (f"{HELLO_EN}, it has been a while", "Tell us how you are and choose a time",
             f"""# {HELLO_EN}, it has been a while

{_LAST_EN} By now most patients have come again. If something went wrong, answer this mail: the manager of the clinic reads it.

And if there was simply no time, tell us which day suits you."""))}, useful_hours=120),
        Step(14, {SMS: advert_sms(f"{HELLO_RU}, давно не виделись. Ждём {YOU_RU} в клинике.",
                                  f"{HELLO_EN}, it has been a while. We would be glad to see {YOU_EN}.")}),
        Step(30, {CALL: call(f"{_LAST_RU} Обычно к этому сроку приходят снова. Всё ли вас устроило? Когда удобно прийти?",
                             f"{_LAST_EN} By now most patients have come again. Was everything all right? When would it suit you?")},
             useful_hours=168),
    ),
)  # fmt: skip

STARTERS = (LENSES, HYGIENE, CYCLIC, CORRECTION, PRESCRIBED, MISSED)
