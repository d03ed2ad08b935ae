"""Pages of the segments: who is refused, what the figures are, how many queries they take."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from segmentation.models import NightlyRun
from segmentation.reports.boards import rfm_map
from segmentation.selectors import flows
from tests.segmentation.pages import AS_OF, MONTH_AGO, VIEW, Base, reader

pytestmark = pytest.mark.django_db

PAGES = ["/", "/segments/", "/segments/rfm/", "/segments/rfm/champions/", "/segments/rfm/cell/5-5/", "/night/status/",
         "/segments/rfm/champions/portrait/"]  # fmt: skip
EXPORTS = ["/segments/rfm/champions/export/?format=csv", "/segments/rfm/cell/5-5/export/?format=csv"]
ANY_CONTEXT = dict[str, Any]


@pytest.fixture
def base() -> Base:
    return Base()


@pytest.fixture
def counted(base: Base) -> Base:
    """Two nights a month apart, with figures that can be checked in the head."""
    base.night(MONTH_AGO, patients=90, visited=80, lost=20)
    base.night(AS_OF, patients=100, visited=80, lost=28)
    base.total("value", "vip", MONTH_AGO, 8, 500)
    base.total("value", "vip", AS_OF, 10, 600)
    base.total("value", "stable", AS_OF, 30, 300)
    base.total("value", "one_off", AS_OF, 60, 100)
    base.total("rfm", "champions", AS_OF, 25, 700)
    base.total("lifecycle", "lead", AS_OF, 20)
    base.total("lifecycle", "active", AS_OF, 52)
    base.total("lifecycle", "lost", AS_OF, 28)
    base.cell(5, 5, 5, 9, 900)
    base.cell(5, 5, 4, 1, 50)
    base.cell(1, 1, 1, 10, 10)
    return base


@pytest.mark.parametrize("url", PAGES + EXPORTS)
def test_strangers_are_sent_to_the_login_page(base: Base, url: str) -> None:
    answer = Client().get(url)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/?next=")


@pytest.mark.parametrize("url", PAGES + EXPORTS)
def test_readers_without_the_permission_are_refused_before_anything_is_read(base: Base, url: str) -> None:
    client = reader()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(url).status_code == 403
    assert not [query for query in queries if "segmentation_" in query["sql"] or "patients_" in query["sql"]]


@pytest.mark.parametrize("url", EXPORTS)
def test_export_needs_its_own_permission(base: Base, url: str) -> None:
    assert reader(*VIEW).get(url).status_code == 403
    assert reader(*VIEW, "patients.export_patient").get(url).status_code == 200


@pytest.mark.parametrize("url", PAGES)
@pytest.mark.parametrize("language", ["ru", "en"])
def test_every_page_opens_before_the_first_night(base: Base, url: str, language: str) -> None:
    client = reader(*VIEW)
    client.cookies["django_language"] = language
    assert client.get(url).status_code == 200


@pytest.mark.parametrize(
    "url",
    ["/segments/none/", "/segments/rfm/none/", "/segments/rfm/cell/6-1/",
     "/segments/rfm/champions/?download=none&format=csv", "/segments/?download=rfm-map&format=pdf"],
)  # fmt: skip
def test_what_does_not_exist_is_not_found(counted: Base, url: str) -> None:
    assert reader(*VIEW).get(url).status_code == 404


@pytest.mark.parametrize(
    "query",
    ["night=yesterday", "night=1999-01-01", "from=x&to=y", "from=2030-01-01&to=2020-01-01", "to=0001-01-01",
     "sort=phone", "after=abc", "after=99999999999999999999", "before=0", "branch=-1&sex=x&age=9&contact=fax", "m=7"],
)  # fmt: skip
@pytest.mark.parametrize("url", ["/segments/", "/segments/rfm/", "/segments/rfm/champions/", "/segments/rfm/cell/5-5/"])
def test_words_in_the_address_that_mean_nothing_do_no_harm(counted: Base, url: str, query: str) -> None:
    assert reader(*VIEW).get(f"{url}?{query}").status_code == 200


def _context(answer: Any) -> ANY_CONTEXT:
    found: ANY_CONTEXT = answer.context
    return found


def test_overview_shows_shares_of_patients_and_money_and_the_change_of_a_month(counted: Base) -> None:
    answer = reader(*VIEW).get("/segments/")
    sections = {section.division.segmentation.code: section for section in _context(answer)["sections"]}
    vip = sections["value"].parts["vip"]
    assert (vip.patients, vip.share, vip.money_share, vip.change, vip.per_patient) == (10, 0.1, 0.6, 2, 60)
    assert _context(answer)["headline"] == (
        "«VIP» are 10\N{NO-BREAK SPACE}% of the patients and bring 60\N{NO-BREAK SPACE}% of the income of the year."
    )


def test_lost_share_is_of_patients_with_a_visit(counted: Base) -> None:
    sections = _context(reader(*VIEW).get("/segments/"))["sections"]
    way = next(section for section in sections if section.layout == "way")
    assert way.lost_share == pytest.approx(28 / 80)
    assert way.over_norm == pytest.approx(0.05)


def test_rfm_map_adds_the_money_scores_of_a_cell_or_shows_one(counted: Base) -> None:
    client = reader(*VIEW)
    whole = _context(client.get("/segments/"))["rfm"]
    assert (whole.rows[0][4].r, whole.rows[0][4].f, whole.rows[0][4].patients, whole.patients) == (5, 5, 10, 20)
    assert whole.rows[0][4].share == 0.5
    assert _context(client.get("/segments/?m=5"))["rfm"].rows[0][4].patients == 9


def test_patients_without_a_visit_have_no_place_on_the_rfm_map(counted: Base) -> None:
    counted.cell(0, 0, 0, 1000)
    assert rfm_map(list(counted_cells()), "").patients == 20


def counted_cells() -> Any:
    from segmentation.models import RfmCell

    return RfmCell.objects.filter(as_of=AS_OF)


def test_an_earlier_night_can_be_looked_at(counted: Base) -> None:
    answer = reader(*VIEW).get(f"/segments/?night={MONTH_AGO}")
    assert _context(answer)["night"] == MONTH_AGO
    assert "The lists of patients behind the figures are of today" in answer.content.decode()


def test_flows_count_moves_after_the_first_day_up_to_the_last(base: Base) -> None:
    fell = {"r": [5, 2]}
    base.move("rfm", "champions", "at_risk", AS_OF, 100, fell)
    base.move("rfm", "champions", "at_risk", AS_OF - dt.timedelta(days=29), 200, fell)
    base.move("rfm", "champions", "at_risk", MONTH_AGO, 400, fell)
    base.move("rfm", "at_risk", "champions", AS_OF, 7, {"r": [2, 5]})
    base.move("value", "vip", "stable", AS_OF, 9, {"reasons": ["regular"]})
    segmentation = base.segment("rfm", "champions").segmentation
    found = {(flow.source.code, flow.target.code): (flow.moves, int(flow.money))
             for flow in flows.flows(segmentation, MONTH_AGO, AS_OF)}  # fmt: skip
    assert found == {("champions", "at_risk"): (2, 300), ("at_risk", "champions"): (1, 7)}
    of_champions = flows.flows_of_segment(base.segment("rfm", "champions"), MONTH_AGO, AS_OF)
    assert sum(flow.moves for flow in of_champions) == 3


def test_segment_page_says_who_came_who_left_and_why(counted: Base) -> None:
    counted.move("rfm", "champions", "at_risk", AS_OF, 1000, {"r": [5, 2], "f": [5, 4]})
    counted.move("rfm", "champions", "at_risk", AS_OF, 500, {"r": [4, 1], "f": [5, 4]})
    counted.move("rfm", "loyal", "champions", AS_OF, 300, {"m": [3, 5]})
    answer = reader(*VIEW).get(f"/segments/rfm/champions/?from={MONTH_AGO}&to={AS_OF}")
    context = _context(answer)
    assert (context["came"], context["went"], context["money_in"], context["money_out"]) == (1, 2, 300, 1500)
    assert [(why.words, why.moves, int(why.money)) for why in context["went_because"]] == [
        ("recency fell, frequency fell", 2, 1500)
    ]
    assert [why.words for why in context["came_because"]] == ["money rose"]
    assert context["headline"].endswith("1 came in and 2 left within 30 days.")


def test_numbers_of_a_picture_can_be_taken_away(counted: Base) -> None:
    client = reader(*VIEW)
    answer = client.get("/segments/?download=segments-value&format=csv")
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
    assert lines[0].startswith("Segment,Patients,Share")
    assert lines[1] == "VIP,10,0.1,2,600.00,0.6,60.00,"
    assert answer["Content-Disposition"] == f'attachment; filename="segments-value-{AS_OF}.csv"'
    client.cookies["django_language"] = "ru"
    russian = b"".join(client.get("/segments/?download=segments-value&format=csv").streaming_content).decode(
        "utf-8-sig"
    )
    assert russian.splitlines()[1] == "VIP;10;0,1;2;600,00;0,6;60,00;"


@pytest.fixture
def queries_of() -> Callable[[Client, str], int]:
    def count(client: Client, url: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(url)
        assert answer.status_code == 200
        return len(queries)

    return count


LISTS = "?sort=money&after={key}&branch={branch}"


@pytest.mark.parametrize(
    "url", ["/", "/segments/", "/segments/rfm/", "/segments/rfm/champions/", "/segments/rfm/cell/3-3/",
            "/segments/rfm/champions/portrait/",
            "/segments/rfm/champions/" + LISTS, "/segments/rfm/cell/3-3/" + LISTS],
)  # fmt: skip
def test_pages_make_the_same_number_of_queries_for_few_and_for_many(
    counted: Base, queries_of: Callable[[Client, str], int], url: str
) -> None:
    def more(number: int) -> None:
        for _ in range(number):
            counted.member(counted.patient(ltv=5), "rfm", "champions")
            counted.move("rfm", "champions", "at_risk", AS_OF, 10, {"r": [5, 2]})
            counted.move("rfm", "loyal", "champions", AS_OF, 10, {"m": [3, 5]})

    more(2)
    first = counted.patient(metrics={"money": 10**6})
    counted.member(first, "rfm", "champions")
    client = reader(*VIEW, "patients.view_contacts", "patients.export_patient")
    address = url.format(key=first.pk, branch=counted.branches[0].pk)
    queries_of(client, address)  # the first request fills the caches of content types
    few = queries_of(client, address)
    more(40)
    assert queries_of(client, address) == few
    assert few <= 24


def test_portrait_comes_after_the_page_and_is_counted_once_a_night(counted: Base) -> None:
    for sex in ("female", "female", "female", "male"):
        counted.member(counted.patient(sex=sex), "rfm", "champions")
    client = reader(*VIEW)
    page = client.get("/segments/rfm/champions/").content.decode()
    assert 'hx-get="/segments/rfm/champions/portrait/"' in page
    address = "/segments/rfm/champions/portrait/"
    fragment = client.get(address, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in fragment and "75\N{NO-BREAK SPACE}%" in fragment
    whole = client.get(address).content.decode()
    assert "<html" in whole and "75\N{NO-BREAK SPACE}%" in whole
    with CaptureQueriesContext(connection) as queries:
        client.get(address)
    assert not [query for query in queries if "hashint8" in query["sql"]]
    lines = b"".join(client.get(f"{address}?download=portrait&format=csv").streaming_content)
    assert lines.decode("utf-8-sig").splitlines()[1] == "Sex,female,0.75,0.75"


def test_portrait_is_counted_anew_after_a_night(counted: Base) -> None:
    counted.member(counted.patient(sex="male"), "rfm", "champions")
    before = _context(reader(*VIEW).get("/segments/rfm/champions/portrait/"))["portrait"]
    counted.member(counted.patient(sex="female"), "rfm", "champions")
    run = NightlyRun.objects.get_or_create(as_of=AS_OF)[0]
    NightlyRun.objects.filter(pk=run.pk).update(state=NightlyRun.State.DONE, finished_at=timezone.now())
    after = _context(reader(*VIEW).get("/segments/rfm/champions/portrait/"))["portrait"]
    assert (before.patients, after.patients) == (1, 2)
