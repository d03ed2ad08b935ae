"""Satisfaction against profit."""

from segmentation.defaults.base import SegmentationDefault, SegmentDefault, Text

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
