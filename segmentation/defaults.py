"""The segmentations every clinic starts with, and the tactic for each of their segments. Plain data, in two languages.

A segment has one colour everywhere, chosen so that good is green, the middle blue and grey, danger orange and red, and
neighbours differ for those who do not see red and green apart.
"""

from typing import NamedTuple


class Text(NamedTuple):
    ru: str
    en: str


class SegmentDefault(NamedTuple):
    code: str
    colour: str
    name: Text
    description: Text
    tactic: Text


class SegmentationDefault(NamedTuple):
    code: str
    kind: str
    name: Text
    description: Text
    segments: tuple[SegmentDefault, ...]


RFM = SegmentationDefault(
    "rfm",
    "rfm",
    Text("RFM", "RFM"),
    Text(
        "Давность, частота и сумма: кто ходит, кто перестал и сколько за этим денег.",
        "Recency, frequency, money: who comes, who has stopped, and how much money is behind it.",
    ),
    (
        SegmentDefault(
            "champions",
            "#1b7f4d",
            Text("Чемпионы", "Champions"),
            Text(
                "Были недавно, ходят часто и платят много: R 4–5, F 4–5, M 4–5.",
                "Came recently, come often, pay much: R 4–5, F 4–5, M 4–5.",
            ),
            Text(
                "Вознаградить и беречь: личный контакт, привилегии, приглашение привести близких. Скидки не нужны.",
                "Reward and keep: personal contact, privileges, an invitation to bring family. No discounts needed.",
            ),
        ),
        SegmentDefault(
            "loyal",
            "#4caf6d",
            Text("Лояльные", "Loyal"),
            Text(
                "Ходят часто или платят много и ещё не пропали: R 3–5, F + M от 7.",
                "Come often or pay much and are still here: R 3–5, F + M of 7 or more.",
            ),
            Text(
                "Подтолкнуть вверх: программа лояльности, комплексные предложения, услуга из смежного направления.",
                "Push up: loyalty programme, complex offers, a second service from a neighbouring field.",
            ),
        ),
        SegmentDefault(
            "promising",
            "#3d8fd1",
            Text("Перспективные", "Promising"),
            Text(
                "Были недавно и уже не в первый раз, но пока ходят и платят умеренно: R 4–5, F от 2, F + M до 6.",
                "Came recently and not for the first time, but moderately so far: R 4–5, F from 2, F + M up to 6.",
            ),
            Text(
                "Закрепить привычку: записать на следующий визит сразу, предложить курс вместо разовой процедуры.",
                "Make it a habit: book the next visit at once, offer a course instead of a single procedure.",
            ),
        ),
        SegmentDefault(
            "new",
            "#7cc4ee",
            Text("Новички", "New"),
            Text(
                "Были недавно и почти не ходили раньше: R 4–5, F 1.",
                "Came recently and hardly before: R 4–5, F 1.",
            ),
            Text(
                "Приветственная серия: рассказать о клинике, спросить впечатление, пригласить на второй визит.",
                "Welcome series: tell about the clinic, ask for an impression, invite to a second visit.",
            ),
        ),
        SegmentDefault(
            "needs_attention",
            "#e6b422",
            Text("Требуют внимания", "Need attention"),
            Text(
                "Середина, которая начинает пропадать: R 3, F + M до 6.",
                "The middle that begins to slip away: R 3, F + M up to 6.",
            ),
            Text(
                "Напомнить о сроке услуги и дать повод прийти, пока привычка не потеряна.",
                "Remind of what is due and give a reason to come while the habit lasts.",
            ),
        ),
        SegmentDefault(
            "at_risk",
            "#ee8a2b",
            Text("В зоне риска", "At risk"),
            Text(
                "Раньше ходили или платили заметно, теперь давно не были: R 1–2, F + M от 6.",
                "Used to come or pay well, have not been for long: R 1–2, F + M of 6 or more.",
            ),
            Text(
                "Вернуть: личное напоминание о том, что им делали, удобное время, небольшой бонус на возвращение.",
                "Win back: a personal reminder of what was done, a convenient time, a small bonus for returning.",
            ),
        ),
        SegmentDefault(
            "cant_lose",
            "#c8321f",
            Text("Нельзя потерять", "Can't lose"),
            Text(
                "Покупали много и часто, а теперь перестали: R 1–2, F 4–5, M 4–5.",
                "Bought much and often, and have stopped: R 1–2, F 4–5, M 4–5.",
            ),
            Text(
                "Звонит человек, а не рассылка: узнать причину, предложить решение, вернуть к своему врачу.",
                "A person calls, not a mailing: learn the reason, offer a remedy, bring back to their own doctor.",
            ),
        ),
        SegmentDefault(
            "hibernating",
            "#9aa5b1",
            Text("Спящие", "Hibernating"),
            Text(
                "Были давно, ходили редко и платили мало: R 2, F + M до 5.",
                "Came long ago, seldom, for little: R 2, F + M up to 5.",
            ),
            Text(
                "Недорогие каналы: письмо с поводом по возрасту и прошлой услуге. Не тратить на них звонки.",
                "Cheap channels: a letter with a reason that fits age and past service. No calls.",
            ),
        ),
        SegmentDefault(
            "lost",
            "#6b7280",
            Text("Потерянные", "Lost"),
            Text(
                "Очень давно не были, ходили редко и платили мало: R 1, F + M до 5.",
                "Have not been for very long, came seldom, for little: R 1, F + M up to 5.",
            ),
            Text(
                "Одна попытка вернуть письмом; дальше не тратить бюджет и понять, после чего они ушли.",
                "One attempt by e-mail; then spend nothing more and learn after what they left.",
            ),
        ),
    ),
)

VALUE = SegmentationDefault(
    "value",
    "value",
    Text("Ценность", "Value"),
    Text(
        "Сколько пациент приносит за всё время: LTV = средний чек × визитов в год × лет с клиникой.",
        "What a patient brings over all time: LTV = average bill × visits per year × years with the clinic.",
    ),
    (
        SegmentDefault(
            "vip",
            "#6d3fc0",
            Text("VIP", "VIP"),
            Text(
                "Самый высокий LTV: дорогое лечение, частые визиты.", "The highest LTV: costly treatment, many visits."
            ),
            Text(
                "Персональный менеджер, консьерж-сервис, эксклюзивные предложения.",
                "A personal manager, concierge service, exclusive offers.",
            ),
        ),
        SegmentDefault(
            "stable",
            "#2f855a",
            Text("Стабильные", "Stable"),
            Text("Средний LTV: ходят регулярно, не самое дорогое.", "Middle LTV: regular visits, not the most costly."),
            Text(
                "Программа лояльности, напоминания о визитах, премиальная диагностика после планового осмотра.",
                "Loyalty programme, visit reminders, premium diagnostics after a check-up.",
            ),
        ),
        SegmentDefault(
            "one_off",
            "#8aa0b6",
            Text("Разовые", "One-off"),
            Text("Пришли один раз или принесли очень мало.", "Came once or brought very little."),
            Text(
                "Не тратить на них маркетинговый бюджет, но попробовать превратить в постоянных: один повод вернуться.",
                "Spend no marketing budget on them, but try to make them regulars: one reason to return.",
            ),
        ),
        SegmentDefault(
            "unprofitable",
            "#b4552d",
            Text("Убыточные", "Unprofitable"),
            Text(
                "Часто отменяют, жалуются, приходят только за скидкой или обходятся дороже, чем платят.",
                "Cancel often, complain, come only for discounts, or cost more than they pay.",
            ),
            Text(
                "Мягко отсеивать или переводить на более дешёвые форматы: телемедицина, предоплата записи.",
                "Gently let go or move to cheaper formats: telemedicine, prepaid appointments.",
            ),
        ),
    ),
)

SATISFACTION = SegmentationDefault(
    "satisfaction",
    "satisfaction",
    Text("Удовлетворённость × прибыль", "Satisfaction × profit"),
    Text(
        "Кто доволен клиникой и сколько она на нём зарабатывает.",
        "Who is happy with the clinic, and what it earns on them.",
    ),
    (
        SegmentDefault(
            "a",
            "#1b7f4d",
            Text("А — довольны и прибыльны", "A: happy and profitable"),
            Text("Высокая оценка и высокая прибыль.", "A high score and a high profit."),
            Text(
                "Изучить, почему им хорошо, и искать таких же: направить на это рекламу и просить рекомендаций.",
                "Learn why they are happy and look for more like them: aim advertising there, ask for referrals.",
            ),
        ),
        SegmentDefault(
            "b",
            "#7cc4ee",
            Text("Б — довольны, почти без прибыли", "B: happy, hardly profitable"),
            Text("Высокая оценка, низкая прибыль.", "A high score, a low profit."),
            Text(
                "Убрать лишние бонусы и слишком большие скидки, от которых лояльность не зависит.",
                "Trim the bonuses and large discounts on which their loyalty does not depend.",
            ),
        ),
        SegmentDefault(
            "v",
            "#3d8fd1",
            Text("В — основа базы", "V: the large middle"),
            Text(
                "Средняя прибыль или средняя оценка: основа бизнеса.", "A middle profit or score: the base of business."
            ),
            Text(
                "Повышать прибыль без потери лояльности: вторая услуга, комплекс, удобное время.",
                "Raise profit without losing loyalty: a second service, a complex, a convenient time.",
            ),
        ),
        SegmentDefault(
            "d",
            "#c8321f",
            Text("Д — прибыльны, но недовольны", "D: profitable but unhappy"),
            Text("Низкая оценка или жалоба при заметной прибыли.", "A low score or a complaint, and a notable profit."),
            Text(
                "Действовать сразу: позвонить, разобраться, исправить за счёт клиники.",
                "Act at once: call, find out, put it right at the clinic's expense.",
            ),
        ),
        SegmentDefault(
            "g",
            "#8a6d3b",
            Text("Г — недовольны и без прибыли", "G: neither happy nor profitable"),
            Text("Низкая оценка или жалоба и низкая прибыль.", "A low score or a complaint, and a low profit."),
            Text(
                "Понять, что их объединяет, и не тратить средства на привлечение таких же.",
                "Learn what unites them and stop spending on attracting more of the kind.",
            ),
        ),
        SegmentDefault(
            "unknown",
            "#b6bec9",
            Text("Мнение неизвестно", "Opinion unknown"),
            Text("Нет свежей оценки и жалоб.", "No fresh answer and no complaint."),
            Text("Спросить: запрос отзыва после следующего визита.", "Ask: request a review after the next visit."),
        ),
    ),
)

LIFECYCLE = SegmentationDefault(
    "lifecycle",
    "lifecycle",
    Text("Жизненный цикл", "Lifecycle"),
    Text(
        "Где пациент на пути от первого обращения до ухода, с учётом сроков его услуг.",
        "Where a patient is between the first enquiry and leaving, by the cycles of their services.",
    ),
    (
        SegmentDefault(
            "lead",
            "#b58bd9",
            Text("Обратились", "Leads"),
            Text("Известны клинике, но ещё не были на приёме.", "Known to the clinic, not seen yet."),
            Text(
                "Если за две недели визита нет — помочь выбрать врача и время.",
                "No visit within two weeks: help to choose a doctor and a time.",
            ),
        ),
        SegmentDefault(
            "new",
            "#7cc4ee",
            Text("Новые", "New"),
            Text("Первый визит был недавно.", "The first visit was recent."),
            Text(
                "Приветственная серия и запрос отзыва; второй визит решает, останется ли пациент.",
                "Welcome series and a request for a review; the second visit decides whether they stay.",
            ),
        ),
        SegmentDefault(
            "active",
            "#2f855a",
            Text("Активные", "Active"),
            Text(
                "Записаны или срок следующего визита ещё не подошёл.",
                "Have an appointment, or the next visit is not due yet.",
            ),
            Text("Не мешать: полезные статьи по теме, без скидок.", "Leave in peace: useful articles, no discounts."),
        ),
        SegmentDefault(
            "due",
            "#e6b422",
            Text("Пора прийти", "Due"),
            Text("Подошёл срок повторного визита.", "The next visit is due."),
            Text(
                "Напомнить: за 7 дней письмом, за 3 дня ещё раз, потом СМС или звонок.",
                "Remind: e-mail 7 days before, once more 3 days before, then SMS or a call.",
            ),
        ),
        SegmentDefault(
            "overdue",
            "#ee8a2b",
            Text("Просрочили", "Overdue"),
            Text("Срок прошёл, но пациент ещё не потерян.", "The date has passed, the patient is not lost yet."),
            Text(
                "Позвонить и предложить время: сейчас вернуть дешевле всего.",
                "Call and offer a time: winning back is cheapest now.",
            ),
        ),
        SegmentDefault(
            "lost",
            "#6b7280",
            Text("Ушедшие", "Lost"),
            Text(
                "Пропустили свои циклы или не были 3, 6 или 12 месяцев. До 30 % базы — норма.",
                "Missed their cycles, or not seen for 3, 6 or 12 months. Up to 30 % of the base is normal.",
            ),
            Text(
                "Разобраться, после какого визита, услуги и врача ушли; ценных вернуть личным звонком.",
                "Find out after which visit, service and doctor they left; win the valuable back by a personal call.",
            ),
        ),
    ),
)

SEGMENTATIONS = (RFM, VALUE, SATISFACTION, LIFECYCLE)
FALLBACK_COLOUR = "#667085"
