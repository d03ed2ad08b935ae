"""RFM: recency, frequency, money."""

from segmentation.defaults.base import SegmentationDefault, SegmentDefault, Text

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
