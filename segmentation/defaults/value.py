"""The tiers of value."""

from segmentation.defaults.base import SegmentationDefault, SegmentDefault, Text

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
