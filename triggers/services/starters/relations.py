# ruff: noqa: E501, I001 - letters are not cut into lines
"""Ready rules for people and their path: newcomers, birthdays, age, segments, packages, free hours (B5, C13, C14, C17, D4, D8, F14)."""

from campaigns.models import Purpose
from triggers.models import Goal
from triggers.services.starters.pieces import (
    CALL, EMAIL, HELLO_EN, HELLO_RU, SMS, YOU_EN, YOU_RU, Starter, Step, advert, advert_sms, call, notice, notice_sms,
)  # fmt: skip

WELCOME = Starter(
    "welcome_series", "welcome", "Приветственная серия: оставил контакт, визита ещё не было", "Welcome series: a contact and no visit yet",
    "На следующий день знакомство, на пятый — как проходит первый приём, через две недели приглашение, затем звонок.",
    "An introduction the next day, how a first visit goes on the fifth, an invitation after two weeks, then a call.",
    fields={"priority": 12},
    steps=(
        Step(1, {EMAIL: advert(
            (f"{HELLO_RU}, рады знакомству", "Чем мы можем быть полезны",
             f"""# {HELLO_RU}, рады знакомству

Спасибо, что оставили нам свой контакт. Коротко о том, чем мы можем быть полезны:

- врачи разных специальностей в одном месте и одна карта на все визиты;
- понятный план: что делать сейчас, а с чем можно подождать;
- цену вы узнаете до приёма, а не после.

Есть вопрос? Ответьте на это письмо: его читает администратор, а не робот."""),
            (f"{HELLO_EN}, nice to meet you", "How we can be of use",
             f"""# {HELLO_EN}, nice to meet you

Thank you for leaving us your contact. In short, this is what we do:

- doctors of many specialties in one place, one card for all visits;
- a clear plan: what to do now and what can wait;
- you know the price before the visit, not after it.

A question? Answer this mail: a person reads it."""))}),
        Step(5, {EMAIL: advert(
            (f"{HELLO_RU}, как проходит первый приём", "Что взять с собой и сколько это займёт",
             f"""# Как проходит первый приём

{HELLO_RU}, первый визит часто откладывают, потому что непонятно, чего ждать. Обычно он занимает 30–40 минут:

- врач слушает и задаёт вопросы;
- осматривает и объясняет, что видит;
- предлагает план и отвечает, что обязательно, а что нет.

С собой — паспорт и прежние анализы, если они есть. Решать на приёме ничего не нужно."""),
            (f"{HELLO_EN}, what a first visit is like", "What to bring and how long it takes",
             f"""# What a first visit is like

{HELLO_EN}, a first visit is often put off because one does not know what to expect. It takes 30 to 40 minutes:

- the doctor listens and asks;
- examines and explains;
- suggests a plan and says what is necessary and what is not.

Bring your passport and earlier results, if you have any."""))}),
        Step(14, {EMAIL: advert(
            (f"{HELLO_RU}, выберем день для первого визита?", "Напишите, что вас беспокоит, подберём врача",
             f"""# Выберем день?

{HELLO_RU}, прошло две недели. Напишите в ответ, с чем хотите разобраться, — подберём врача и удобное время."""),
            (f"{HELLO_EN}, shall we choose a day?", "Tell us what it is about, we will find the doctor",
             f"""# Shall we choose a day?

{HELLO_EN}, two weeks have passed. Tell us what it is about, and we will find the doctor and the time."""))}, useful_hours=120),
        Step(18, {CALL: call("Вы оставляли нам контакт. Остался ли вопрос, с которым мы можем помочь? Записать вас?",
                             "You left us your contact. Is there still something we can help with? Shall we book a visit?")},
             useful_hours=120),
    ),
)  # fmt: skip

FIRST_VISIT = Starter(
    "after_first_visit", "first_visit", "После первого визита", "After the first visit",
    "На второй день спасибо и как с нами связаться, через месяц — что дальше. Чаще всего теряют именно после первого визита.",
    "Thanks on the second day, what comes next after a month. Most patients are lost after the first visit.",
    fields={"priority": 18},
    steps=(
        Step(2, {EMAIL: advert(
            (f"{HELLO_RU}, спасибо за первый визит", "Как с нами связаться и где ваши назначения",
             f"""# Спасибо, что выбрали нас

{HELLO_RU}, {{% if doctor.name %}}вы были на приёме — врач {{{{ doctor.name }}}}. {{% endif %}}Если после визита остались вопросы, ответьте на это письмо: передадим врачу.

Назначения и результаты хранятся в вашей карте. Следующий приём лучше выбрать заранее — тогда есть из чего выбирать."""),
            (f"{HELLO_EN}, thank you for your first visit", "How to reach us and where your prescriptions are",
             f"""# Thank you for choosing us

{HELLO_EN}, {{% if doctor.name %}}your doctor was {{{{ doctor.name }}}}. {{% endif %}}If anything is unclear after the visit, answer this mail: we will ask the doctor.

Prescriptions and results are kept in your card. The next visit is best booked early, while there is a choice."""))}),
        Step(30, {EMAIL: advert(
            (f"{HELLO_RU}, как вы себя чувствуете?", "Прошёл месяц после первого визита",
             f"""# Прошёл месяц

{HELLO_RU}, как дела после визита? Если что-то ещё беспокоит или пора на контрольный осмотр, ответьте на это письмо — подберём время у того же врача."""),
            (f"{HELLO_EN}, how are you?", "A month has passed since your first visit",
             f"""# A month has passed

{HELLO_EN}, how are things after the visit? If something still bothers you or a check is due, answer this mail: we will find a time with the same doctor."""))},
             useful_hours=168),
    ),
)  # fmt: skip

BIRTHDAY = Starter(
    "birthday", "birthday", "День рождения", "Birthday",
    "Утром в день рождения; ребёнка поздравляет письмо родителю. Подарок — предложение, если его выбрать в шаге.",
    "On the morning of the day; a parent is congratulated on a child's. A present is an offer chosen in the step.",
    fields={"priority": 3, "goal": Goal.NONE},
    steps=(
        Step(0, {EMAIL: advert(
            (f"{HELLO_RU}, с днём рождения!", "Поздравление от клиники",
             f"""# {HELLO_RU}, с днём рождения!

{{% if recipient.is_guardian %}}
Поздравляем вас и {{{{ patient.first_name | default: "вашего ребёнка" | case: "accusative" }}}}! Растите здоровыми.
{{% else %}}
Здоровья, сил и хорошего года. Мы рады, что вы с нами.
{{% endif %}}"""),
            ('Happy birthday, {{ recipient.first_name | default: "dear patient" }}!', "Best wishes from the clinic",
             """# Happy birthday, {{ recipient.first_name | default: "dear patient" }}!

{% if recipient.is_guardian %}
Our best wishes to you and to {{ patient.first_name | default: "your child" }}!
{% else %}
Health, strength and a good year. We are glad to have you with us.
{% endif %}"""))}, useful_hours=12),
    ),
)  # fmt: skip

MEN_40 = Starter(
    "life_map_men_40", "life_map", "Карта жизни: мужчины с 40 лет, ежегодная проверка", "Life map: men from 40, a yearly check-up",
    "Мужчинам, которым исполнилось 40: статья о мужском здоровье и приглашение на проверку. Больше никому.",
    "To men who have turned 40: an article on men's health and an invitation to a check-up. To nobody else.",
    services=("уролог", "чек-ап", "check-up"), params={"sex": "male", "age": 40, "repeat_years": 1},
    fields={"priority": 6, "goal": Goal.SERVICE},
    steps=(
        Step(0, {EMAIL: advert(
            (f"{HELLO_RU}, пять вопросов о здоровье после 40", "Что стоит проверять раз в год и зачем",
             f"""# Что проверять после сорока

{HELLO_RU}, после сорока организм меняется незаметно, и многое проще поймать на плановой проверке, чем по самочувствию. Раз в год стоит:

- измерить давление и сдать анализы: сахар, холестерин;
- сделать кардиограмму;
- обсудить с врачом мужское здоровье — это обычный короткий приём.

За один визит можно сделать всё сразу. Ответьте на это письмо, и мы составим план под ваш возраст."""),
            (f"{HELLO_EN}, five questions about health after 40", "What is worth checking once a year, and why",
             f"""# What to check after forty

{HELLO_EN}, after forty the body changes quietly, and much is easier to find at a regular check than by how one feels. Once a year it is worth

- measuring blood pressure, sugar and cholesterol;
- making a cardiogram;
- talking to a doctor about men's health: a short and ordinary visit.

One visit is enough for all of it. Answer this mail, and we will make a plan for your age."""))}, useful_hours=240),
    ),
)  # fmt: skip

VIP = Starter(
    "vip_entered", "segment_move", "Стал VIP: персональный менеджер", "Became a VIP: a personal manager",
    "В день перехода в VIP письмо о персональном менеджере и звонок на следующий день.",
    "On the day of becoming a VIP a mail about the personal manager, and a call the next day.",
    params={"segmentation": "value", "into": ["vip"], "direction": "any"},
    fields={"priority": 22, "goal": Goal.NONE, "cooldown_days": 365},
    steps=(
        Step(0, {EMAIL: advert(
            ('{{ recipient.name | default: "Здравствуйте" }}, у вас персональный менеджер', "Запись вне очереди и один номер для любых вопросов",
             """# {{ recipient.name | default: "Здравствуйте" }}, спасибо, что вы с нами

С сегодняшнего дня о ваших визитах заботится персональный менеджер:

- запись на удобное время, в том числе к заведующим отделениями;
- визиты нескольких специалистов в один день;
- напоминания только о том, что нужно вам.

Ответьте на это письмо, и менеджер свяжется с вами в течение рабочего дня."""),
            ('{{ recipient.name | default: "Hello" }}, you have a personal manager', "Priority booking and one contact for every question",
             """# {{ recipient.name | default: "Hello" }}, thank you for being with us

From today a personal manager looks after your visits:

- appointments at times that suit you, heads of departments included;
- several specialists in one day;
- reminders only of what concerns you.

Answer this mail, and the manager will be in touch within a working day."""))}, useful_hours=120),
        Step(1, {CALL: call("Я ваш персональный менеджер. Записывайте мой номер: по нему можно решить любой вопрос с визитами.",
                            "I am your personal manager. Please note my number: any question about your visits can be solved through me.")},
             useful_hours=120),
    ),
)  # fmt: skip

OVERDUE = Starter(
    "lifecycle_overdue", "segment_move", "Перестал приходить: перешёл в «просроченные»", "Stopped coming: moved to overdue",
    "Пациент вышел за свой обычный срок и попал в опасную страту. Письмо, через десять дней SMS.",
    "The patient has gone past the usual time. A mail, and an SMS ten days later.",
    params={"segmentation": "lifecycle", "into": ["overdue"], "direction": "any"},
    fields={"priority": 7, "cooldown_days": 120},
    steps=(
        Step(0, {EMAIL: advert(
            (f"{HELLO_RU}, мы вас помним", "Одна минута, чтобы выбрать день",
             f"""# {HELLO_RU}, мы вас помним

{{% if last_visit.date %}}Последний раз вы были у нас {{{{ last_visit.date | date }}}}. {{% endif %}}Возможно, пора показаться врачу или закончить начатое. Напишите, что для вас сейчас важно, и мы предложим врача и время.

Если визит в чём-то разочаровал, скажите об этом прямо: ответ прочитает управляющий."""),
            (f"{HELLO_EN}, we remember you", "One minute to choose a day",
             f"""# {HELLO_EN}, we remember you

{{% if last_visit.date %}}You were last with us on {{{{ last_visit.date | date }}}}. {{% endif %}}Perhaps it is time to see the doctor or to finish what was begun. Tell us what matters to you now.

If a visit disappointed you, say so: the manager of the clinic reads the answers."""))}, useful_hours=120),
        Step(10, {SMS: advert_sms(f"{HELLO_RU}, давно не виделись. Подберём удобное время.",
                                  f"{HELLO_EN}, it has been a while. We will find a time for {YOU_EN}.")}),
    ),
)  # fmt: skip

FALLING = Starter(
    "falling_value", "falling", "Ценность пациента падает: звонок менеджера", "The value of a patient is falling: a call",
    "От пациента, который приносил заметные деньги, теперь ждём намного меньше: замолчал, ходит реже или платит меньше. Менеджер звонит, узнаёт причину, предлагает помощь.",
    "Much less is expected of a patient who mattered: silent, coming rarer or paying less. The manager calls, learns the reason and offers help.",
    fields={"priority": 28, "cooldown_days": 90},
    steps=(
        Step(0, {CALL: call(
            f"{{% if last_visit.date %}}Последний визит — {{{{ last_visit.date | date }}}}. {{% endif %}}Хотим узнать, всё ли вас устраивает: ждём {YOU_RU} и рады помочь. Что мы могли бы сделать лучше?\n\nЕсли недоволен: записать причину и передать управляющему. Если просто занят: предложить время.",
            f"{{% if last_visit.date %}}The last visit was on {{{{ last_visit.date | date }}}}. {{% endif %}}We would like to know whether everything is all right and to help {YOU_EN}. What could we do better?\n\nUnhappy: note the reason, tell the manager of the clinic. Busy: suggest a time.")},
             useful_hours=120),
    ),
)  # fmt: skip

PACKAGE_LEFT = Starter(
    "package_nearly_used", "package", "Абонемент заканчивается: осталась одна процедура", "Package nearly used up: one session left",
    "Осталась последняя процедура абонемента: письмо с предложением продлить.",
    "The last session of a package is left: a mail that offers the next one.",
    params={"when": "left", "left": 1}, fields={"priority": 9, "goal": Goal.SERVICE},
    steps=(
        Step(1, {EMAIL: advert(
            (f"{HELLO_RU}, осталась одна процедура", "Последняя процедура вашего абонемента",
             f"""# Осталась одна процедура

{HELLO_RU}, в вашем абонементе осталась последняя процедура{{% if service.name %}}: {{{{ service.name }}}}{{% endif %}}. Запишитесь на неё и спросите врача, нужен ли следующий курс: если нужен, условия абонемента сохранятся.

Ответьте на это письмо, и мы подберём время."""),
            (f"{HELLO_EN}, one session is left", "The last session of your package",
             f"""# One session is left

{HELLO_EN}, your package has one session left{{% if service.name %}}: {{{{ service.name }}}}{{% endif %}}. Book it and ask the doctor whether another course makes sense.

Answer this mail, and we will find a time."""))}),
    ),
)  # fmt: skip

PACKAGE_ENDS = Starter(
    "package_expires", "package", "Абонемент сгорает: срок подходит к концу", "Package about to expire",
    "За месяц до конца срока письмо, за неделю SMS: оплаченные процедуры ещё не использованы.",
    "A mail a month before, an SMS a week before: paid sessions are still unused.",
    purpose=Purpose.SERVICE, params={"when": "expires"}, fields={"priority": 50, "goal": Goal.SERVICE},
    steps=(
        Step(-30, {EMAIL: notice(
            ("Остались оплаченные процедуры", "Через месяц заканчивается срок абонемента",
             f"""# Остались оплаченные процедуры

{HELLO_RU}, через месяц заканчивается срок вашего абонемента{{% if service.name %}} ({{{{ service.name }}}}){{% endif %}}, а часть процедур ещё не использована. Запишитесь заранее, пока есть удобные часы.

Ответьте на это письмо, и мы всё распланируем."""),
            ("Paid sessions are left", "Your package expires in a month",
             f"""# Paid sessions are left

{HELLO_EN}, your package{{% if service.name %}} ({{{{ service.name }}}}){{% endif %}} expires in a month, and some sessions are still unused. Book early, while there are convenient hours.

Answer this mail, and we will plan it with you."""))}, useful_hours=168),
        Step(-7, {SMS: notice_sms(
            f"{HELLO_RU}, через неделю закончится абонемент, остались оплаченные процедуры. {{{{ clinic.name }}}}",
            f"{HELLO_EN}, your package ends in a week, paid sessions are left. {{{{ clinic.name }}}}")}),
    ),
)  # fmt: skip

FREE_HOURS = Starter(
    "free_hours", "low_capacity", "Свободные часы: приглашаем тех, кому давно пора", "Free hours: those who are most overdue",
    "Если на ближайшие дни много свободных часов, приглашаем столько пациентов, сколько мест: сначала тех, чей срок прошёл давно.",
    "When the coming days have free hours, as many patients are invited as there are slots, the longest overdue first.",
    fields={"priority": 2, "cooldown_days": 60},
    steps=(
        Step(-2, {
            SMS: advert_sms(f"{HELLO_RU}, в ближайшие дни есть удобные часы. Записать вас?",
                            f"{HELLO_EN}, there are convenient hours in the coming days. Shall we book?"),
            EMAIL: advert(
                (f"{HELLO_RU}, в ближайшие дни есть удобные часы", "Ваш плановый визит можно сделать сейчас",
                 f"""# Есть удобные часы

{HELLO_RU}, подошёл срок планового визита{{% if service.name %}}: {{{{ service.name }}}}{{% endif %}}. В ближайшие дни у врачей есть свободное время, и ждать не придётся.

Ответьте на это письмо: предложим два-три варианта."""),
                (f"{HELLO_EN}, there are convenient hours in the coming days", "Your regular visit can be made now",
                 f"""# There are convenient hours

{HELLO_EN}, your regular visit is due{{% if service.name %}}: {{{{ service.name }}}}{{% endif %}}. The doctors have time in the coming days.

Answer this mail: we will suggest two or three hours.""")),
        }, useful_hours=36),
    ),
)  # fmt: skip

STARTERS = (
    WELCOME, FIRST_VISIT, BIRTHDAY, MEN_40, VIP, OVERDUE, FALLING, PACKAGE_LEFT, PACKAGE_ENDS, FREE_HOURS,
)  # fmt: skip
