"""Russian names in their cases."""

import pytest

from campaigns.rendering.names import CASES, FIRST, LAST, MIDDLE, FullName, Name, in_case, sex_of

FEMALE, MALE = "female", "male"


def forms(name: str, part: str, sex: str) -> list[str]:
    return [in_case(Name(name, part, sex), case) for case in CASES[1:]]


@pytest.mark.parametrize(
    ("name", "sex", "expected"),
    [
        ("Анна", FEMALE, "Анны Анне Анну Анной Анне"),
        ("Мария", FEMALE, "Марии Марии Марию Марией Марии"),
        ("Наталья", FEMALE, "Натальи Наталье Наталью Натальей Наталье"),
        ("Любовь", FEMALE, "Любови Любови Любовь Любовью Любови"),
        ("Николь", FEMALE, "Николь Николь Николь Николь Николь"),
        ("Анна-Мария", FEMALE, "Анны-Марии Анне-Марии Анну-Марию Анной-Марией Анне-Марии"),
        ("Илья", MALE, "Ильи Илье Илью Ильей Илье"),
        ("Никита", MALE, "Никиты Никите Никиту Никитой Никите"),
        ("Павел", MALE, "Павла Павлу Павла Павлом Павле"),
        ("Лев", MALE, "Льва Льву Льва Львом Льве"),
        ("Пётр", MALE, "Петра Петру Петра Петром Петре"),
        ("Игорь", MALE, "Игоря Игорю Игоря Игорем Игоре"),
        ("Дмитрий", MALE, "Дмитрия Дмитрию Дмитрия Дмитрием Дмитрие"),
        ("Саша", MALE, "Саши Саше Сашу Сашей Саше"),
        ("Саша", FEMALE, "Саши Саше Сашу Сашей Саше"),
        ("ИЛЬЯ", MALE, "ИЛЬИ ИЛЬЕ ИЛЬЮ ИЛЬЕЙ ИЛЬЕ"),
        ("Anna", FEMALE, "Anna Anna Anna Anna Anna"),
        # The sex is not known: what the ending allows.
        ("Анна", "", "Анны Анне Анну Анной Анне"),
        ("Иван", "", "Ивана Ивану Ивана Иваном Иване"),
        ("Гузель", "", "Гузель Гузель Гузель Гузель Гузель"),
    ],
)
def test_first_names(name: str, sex: str, expected: str) -> None:
    assert forms(name, FIRST, sex) == expected.split()


@pytest.mark.parametrize(
    ("name", "sex", "expected"),
    [
        ("Иванова", FEMALE, "Ивановой Ивановой Иванову Ивановой Ивановой"),
        ("Толстой", MALE, "Толстого Толстому Толстого Толстым Толстом"),
        ("Достоевский", MALE, "Достоевского Достоевскому Достоевского Достоевским Достоевском"),
        ("Шевченко", FEMALE, "Шевченко Шевченко Шевченко Шевченко Шевченко"),
        ("Шевченко", MALE, "Шевченко Шевченко Шевченко Шевченко Шевченко"),
        ("Черных", MALE, "Черных Черных Черных Черных Черных"),
        ("Дюма", MALE, "Дюма Дюма Дюма Дюма Дюма"),
        ("Кузнец", MALE, "Кузнеца Кузнецу Кузнеца Кузнецем Кузнеце"),
        ("Гоголь", FEMALE, "Гоголь Гоголь Гоголь Гоголь Гоголь"),
        ("Пастернак", FEMALE, "Пастернак Пастернак Пастернак Пастернак Пастернак"),
        ("Петрова-Водкина", FEMALE,
         "Петровой-Водкиной Петровой-Водкиной Петрову-Водкину Петровой-Водкиной Петровой-Водкиной"),
        ("Салтыков-Щедрин", MALE,
         "Салтыкова-Щедрина Салтыкову-Щедрину Салтыкова-Щедрина Салтыковым-Щедриным Салтыкове-Щедрине"),
        ("Иванов", "", "Иванова Иванову Иванова Ивановым Иванове"),
        ("Жук", "", "Жук Жук Жук Жук Жук"),  # could be a woman: Жук stays
    ],
)  # fmt: skip
def test_last_names(name: str, sex: str, expected: str) -> None:
    assert forms(name, LAST, sex) == expected.split()


def test_a_full_name_is_put_into_the_case_name_by_name() -> None:
    full = FullName.of(Name("Белов", LAST, MALE), Name("Илья", FIRST, MALE), Name("Петрович", MIDDLE, MALE))
    assert in_case(full, "dative") == "Белову Илье Петровичу"
    assert in_case(FullName.of(Name("", FIRST, MALE)), "dative") == ""


@pytest.mark.parametrize(
    ("names", "sex"),
    [
        (("Саша", "Петрович", ""), MALE),
        (("Саша", "Ильинична", ""), FEMALE),
        (("Саша", "", "Белова"), FEMALE),
        (("Рашид", "Мамед оглы", ""), MALE),
        (("Саша", "", "Шевченко"), ""),
    ],
)
def test_the_patronymic_or_the_surname_tells_the_sex(names: tuple[str, str, str], sex: str) -> None:
    assert sex_of(*names) == sex
