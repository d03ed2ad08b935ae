"""Where a patient is on the way from lead to lost."""

from segmentation.defaults.base import SegmentationDefault, SegmentDefault, Text

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
