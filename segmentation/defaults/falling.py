"""Whose value is falling."""

from segmentation.defaults.base import SegmentationDefault, SegmentDefault, Text

FALLING = SegmentationDefault(
    "value_falling",
    "falling",
    Text("Падение ценности", "Falling value"),
    Text(
        "От кого теперь ждём вдвое меньше, чем он приносил в прежние годы: замолчал, ходит реже или платит меньше.",
        "Of whom we now expect half of what they used to bring in earlier years: silent, coming rarer or paying less.",
    ),
    (
        SegmentDefault(
            "falling",
            "#d9480f",
            Text("Падает", "Falling"),
            Text(
                "Раньше приносили заметные деньги; в ближайшие 12 месяцев ждём не больше половины.",
                "Used to bring notable money; in the 12 months to come not more than half of it is expected.",
            ),
            Text(
                "Звонит менеджер, пока пациент не ушёл: спросить, что случилось, и предложить время у своего врача. "
                "Причина падения в карточке подскажет, с чего начать.",
                "A manager calls before the patient is gone: ask what happened and offer a time with their own doctor. "
                "The cause on the card tells where to begin.",
            ),
        ),
        SegmentDefault(
            "steady",
            "#5c940d",
            Text("Держится", "Steady"),
            Text(
                "Ходят не первый год, и ждём от них не намного меньше прежнего.",
                "Have been coming for years, and not much less is expected of them than before.",
            ),
            Text(
                "Не мешать и беречь привычку: следующая запись сразу после визита, свой врач, удобное время.",
                "Leave in peace and keep the habit: the next appointment right after the visit, their own doctor.",
            ),
        ),
    ),
)
