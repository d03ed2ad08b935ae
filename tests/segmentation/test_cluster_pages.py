"""Pages of clusters: who is refused, what is said, what is kept. The search itself is tested elsewhere."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from segmentation.models import ClusterFit, Membership, Segment, Segmentation, SegmentTotal
from segmentation.services.clusters import requesting
from tests.segmentation.pages import AS_OF, VIEW, Base, reader

pytestmark = pytest.mark.django_db
CODE = "cl-0123456789"
CHANGE = (*VIEW, "segmentation.change_segment")


def figures(mean: float, effect: float | None = None) -> dict[str, Any]:
    said = {"mean": mean, "median": mean, "missing": 0.0, "count": 200}
    return said if effect is None else {**said, "effect": effect, "noise": 0.1}


def portrait() -> list[dict[str, Any]]:
    ages = {"base": figures(40), "clusters": [figures(52, 1.4), figures(30, -1.1)]}
    bills = {"base": figures(5000), "clusters": [figures(5100, 0.1), figures(4900, -0.1)]}
    return [{"feature": "age", "share": False, **ages}, {"feature": "average_bill", "share": False, **bills}]


def trait(direction: str, mean: float) -> dict[str, Any]:
    return {
        "feature": "age", "direction": direction, "effect": 1.2, "mean": mean, "median": mean, "base_mean": 40,
        "base_median": 40, "share": False,
    }  # fmt: skip


TRIED = [
    {
        "method": "kmeans", "k": k, "silhouette": 0.5, "reference": 0.2, "separation": 0.4, "bic": None,
        "stability": 0.9 - 0.2 * (k - 2),
        "smallest": 0.3, "score": 1 / k, "doubts": [] if k == 2 else ["not_stable"], "chosen": k == 2,
    }
    for k in (2, 3, 4)
]  # fmt: skip


@pytest.fixture
def base() -> Base:
    made = Base()
    made.night(AS_OF, patients=400)
    return made


@pytest.fixture
def kept(base: Base) -> Segmentation:
    """Two clusters that were found, with a patient in the first."""
    wish = requesting.Wish(base="rfm:loyal", features=("age", "average_bill"))
    segmentation = requesting.create(CODE, "Верные", "Loyal ones", wish)
    for position, code in enumerate(("c1", "c2")):
        segment = Segment.objects.create(
            segmentation=segmentation, code=code, name=f"Кластер {code}", name_en=f"Group {code}", position=position,
            colour="#2f6fde",
        )  # fmt: skip
        SegmentTotal.objects.create(segment=segment, as_of=AS_OF, patients=200, money_365=1_000_000)
    patient = base.patient()
    Membership.objects.create(
        patient=patient, segmentation=segmentation, segment=Segment.objects.get(segmentation=segmentation, code="c1"),
        entered_on=AS_OF,
    )  # fmt: skip
    profile = {
        "rows": portrait(), "traits": [[trait("high", 52)], [trait("low", 30)]], "axes": {}, "missing": {"age": 0.2},
        "level": "very_stable", "doubts": [], "sizes": [200, 200],
    }  # fmt: skip
    fit(
        segmentation, state="done", outcome="found", k=2, patients=400, method="kmeans", silhouette=0.5, stability=0.9,
        separation=0.4, tried=TRIED, profile=profile, points=[[0.0, 1.0, "c1"], [2.0, 0.0, "c2"]],
        matching={
            "codes": ["c1", "c2"], "before": 1, "overlap": {},
            "notices": [{"code": "new", "new": ["c2"], "old": []}],
        },
    )  # fmt: skip
    return segmentation


def fit(segmentation: Segmentation, **fields: Any) -> ClusterFit:
    asked = {**requesting.Wish.of(segmentation).as_params()}
    return ClusterFit.objects.create(segmentation=segmentation, as_of=AS_OF, asked=asked, **fields)


def page(client: Client, code: str = CODE) -> str:
    answer = client.get(f"/segments/clusters/{code}/")
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize(
    "path", ["new/", f"{CODE}/edit/", f"{CODE}/search/", f"{CODE}/archive/", f"{CODE}/c1/persona/"]
)
def test_who_may_only_read_changes_nothing(kept: Segmentation, path: str) -> None:
    assert reader(*VIEW).post(f"/segments/clusters/{path}", {"name": "Mine"}).status_code == 403
    assert Client().post(f"/segments/clusters/{path}").status_code == 302
    kept.refresh_from_db()
    assert kept.active


def test_a_reader_sees_everything_and_no_forms(kept: Segmentation) -> None:
    client = reader(*VIEW)
    shown = page(client)
    assert "2 clusters among 400 patients; stability 0.90 — very stable." in shown
    assert "Older (52 years against 40 years)." in shown and "Younger (30 years against 40 years)." in shown
    assert "New since the search before: “Group c2”." in shown and "Name001" in shown
    assert "5\u202f000" in shown and "▲▲" in shown and "the clusters come out differently each time" in shown
    main = shown[shown.index("<main") : shown.index("</main>")]
    assert "<form" not in main and "campaigns/new" not in main
    assert "Loyal ones" in client.get("/segments/clusters/").content.decode()
    for key in ("map", "portraits", "tried"):
        assert client.get(f"/segments/clusters/{CODE}/?download={key}&format=csv").status_code == 200
    assert reader("segmentation.view_segment").get(f"/segments/clusters/{CODE}/").status_code == 403


def test_an_empty_clinic_is_told_what_comes_first(db: None) -> None:
    client = reader(*CHANGE)
    assert "No night has been counted yet" in client.get("/segments/clusters/").content.decode()
    assert "the search can begin after the first one" in client.get("/segments/clusters/new/").content.decode()
    answer = client.post("/segments/clusters/new/", wished(base=""), follow=True)
    assert "No night has been finished yet" in answer.content.decode()


def test_queries_do_not_grow_with_the_clusters(kept: Segmentation, django_assert_max_num_queries: Any) -> None:
    client = reader(*VIEW)
    page(client)
    with django_assert_max_num_queries(22):
        page(client)


def test_no_english_is_left_on_the_russian_page(kept: Segmentation, base: Base) -> None:
    client = reader(*CHANGE)
    client.cookies["django_language"] = "ru"
    for path in ("", "new/", f"{CODE}/", f"{CODE}/edit/"):
        text = client.get(f"/segments/clusters/{path}").content.decode()
        for words in ("Look for", "Among whom", "Stability", "Persona", "Older (", "the search"):
            assert words not in text, (path, words)


def wished(**changed: Any) -> dict[str, Any]:
    return {"code": "cl-abcdef0123", "base": "rfm:loyal", "features": ["age", "hour"], "k": "", "method": "auto",
            "name": "", "name_en": "", **changed}  # fmt: skip


def test_a_search_is_asked_for_once_however_often_the_form_comes(base: Base) -> None:
    client = reader(*CHANGE)
    for _twice in range(2):
        answer = client.post("/segments/clusters/new/", wished())
        assert answer.headers["Location"] == "/segments/clusters/cl-abcdef0123/"
    made = Segmentation.objects.get(kind="clusters")
    assert made.params["features"] == ["age", "hour"] and made.name
    assert ClusterFit.objects.get().segmentation == made


def test_a_bad_choice_is_answered_in_words_and_kept(base: Base) -> None:
    client = reader(*CHANGE)
    answer = client.post("/segments/clusters/new/", wished(features=[], name="Mine", k="3"))
    text = answer.content.decode()
    assert answer.status_code == 422 and "Choose at least one feature." in text and 'value="Mine"' in text
    assert '<option value="3" selected>' in text and '<option value="rfm:loyal" selected>' in text
    assert client.post("/segments/clusters/new/", wished(base="rfm:nobody")).status_code == 422
    assert client.post("/segments/clusters/new/", wished(k="77")).status_code == 422
    assert client.post("/segments/clusters/new/", wished(code="rfm")).status_code == 422
    assert not Segmentation.objects.filter(kind="clusters").exists()


def test_a_ready_set_ticks_its_features_and_keeps_the_rest(base: Base) -> None:
    text = reader(*CHANGE).post("/segments/clusters/new/", wished(preset="money", name="Mine")).content.decode()
    assert 'value="discount_share" checked' in text and 'value="age" checked' not in text
    assert 'value="Mine"' in text and not Segmentation.objects.filter(kind="clusters").exists()


def test_the_bar_asks_for_itself_and_ends_by_itself(base: Base) -> None:
    segmentation = requesting.create(CODE, "Верные", "", requesting.Wish(features=("age",)))
    fresh = timezone.now() + dt.timedelta(hours=1)
    running = fit(segmentation, state="running", progress=40, stage="resample", heartbeat_at=fresh)
    client = reader(*VIEW)
    assert "hx-get" in page(client)
    answer = client.get(f"/segments/clusters/{CODE}/status/")
    assert "every 1s" in answer.content.decode() and "HX-Refresh" not in answer.headers
    ClusterFit.objects.filter(pk=running.pk).update(
        state="failed", error="too_few", profile={"refused": {"patients": 12, "least": 100}}
    )
    answer = client.get(f"/segments/clusters/{CODE}/status/")
    assert "every 1s" not in answer.content.decode() and answer.headers["HX-Refresh"] == "true"
    assert "Only 12 patients are in this segment" in page(client)


def test_data_without_clusters_say_so_and_what_to_try(base: Base) -> None:
    segmentation = requesting.create(CODE, "Верные", "", requesting.Wish(features=("age",)))
    tried = [{**row, "chosen": False, "doubts": ["like_noise"]} for row in TRIED]
    fit(segmentation, state="done", outcome="none", patients=400, tried=tried, profile={"level": "none"})
    shown = page(reader(*CHANGE))
    assert "There are no clusters in these data" in shown and "no better than data without clusters" in shown
    assert f"/segments/clusters/{CODE}/edit/" in shown


def test_a_persona_saved_twice_is_kept_once(kept: Segmentation) -> None:
    client = reader(*CHANGE)
    told = {"name": "Зрелые", "name_en": "Mature", "problem": "p", "need": "n", "fears": "f", "offer": "<b>−15 %</b>"}
    for _twice in range(2):
        answer = client.post(f"/segments/clusters/{CODE}/c1/persona/", told, headers={"HX-Request": "true"})
        text = answer.content.decode()
        assert answer.status_code == 200 and "saved" in text and "&lt;b&gt;" in text and 'hx-swap-oob="true"' in text
    segment = Segment.objects.get(segmentation=kept, code="c1")
    assert (segment.name, segment.name_en, segment.problem, segment.offer) == ("Зрелые", "Mature", "p", "<b>−15 %</b>")
    answer = client.post(
        f"/segments/clusters/{CODE}/c1/persona/", {**told, "name": " "}, headers={"HX-Request": "true"}
    )
    assert "A cluster needs a name" in answer.content.decode()
    segment.refresh_from_db()
    assert segment.name == "Зрелые"
    assert client.post(f"/segments/clusters/{CODE}/c1/persona/", told).status_code == 302


def test_a_draft_offer_begins_an_offer(kept: Segmentation) -> None:
    Segment.objects.filter(segmentation=kept, code="c1").update(offer="Две процедуры по цене одной")
    client = reader("campaigns.add_offer", *CHANGE)
    assert f"/campaigns/offers/new/?segment={CODE}:c1" in page(client)
    shown = client.get(f"/campaigns/offers/new/?segment={CODE}:c1").content.decode()
    assert "Две процедуры по цене одной" in shown and "Group c1" not in shown


def test_a_saved_offer_leads_to_a_campaign_for_its_cluster(kept: Segmentation) -> None:
    client = reader("campaigns.add_offer", "campaigns.view_offer", "campaigns.add_campaign", *CHANGE)
    told = {
        "name": "Подарок",
        "kind": "percent",
        "value": "20",
        "promo_code": "para20",
        "terms": "Две процедуры по цене одной",
    }
    answer = client.post(f"/campaigns/offers/new/?segment={CODE}:c1", told)
    assert answer.status_code == 302, answer.context["form"].errors
    assert answer["Location"].endswith(f"?segment={CODE}%3Ac1")
    assert f"/campaigns/new/?segment={CODE}:c1" in client.get(answer["Location"]).content.decode()
    assert client.get(answer["Location"].replace("c1", "gone")).status_code == 200


def test_doubts_about_an_insisted_number_come_first(kept: Segmentation) -> None:
    found = ClusterFit.objects.get(segmentation=kept)
    ClusterFit.objects.filter(pk=found.pk).update(profile={**found.profile, "doubts": ["no_gap"]})
    shown = page(reader(*VIEW))
    assert "There is no good ground for 2 clusters among 400 patients" in shown
    assert "there is no gap between neighbouring clusters" in shown
    assert "; stability 0.90 — very stable." not in shown
    assert "Stability 0.90 (very stable) only says that the same cut comes out again" in shown
    fit(kept, state="waiting")  # the next search changes nothing about it yet
    assert "Stability 0.90 (very stable) only says" in page(reader(*VIEW))


def test_a_name_by_features_is_proposed_in_both_languages_and_a_number_does_not_stay(kept: Segmentation) -> None:
    shown = page(reader(*CHANGE))
    assert 'data-take-name="Старше"' in shown and 'data-take-name-en="Older"' in shown
    segment = Segment.objects.get(segmentation=kept, code="c1")
    segment.name_en = "Cluster 1"
    segment.save()
    requesting.save_persona(segment, requesting.Persona("Зрелые", "Cluster 1"))
    assert (segment.name, segment.name_en) == ("Зрелые", "")


def test_two_searches_in_one_segment_are_told_apart(base: Base) -> None:
    for number in (1, 2, 3):
        name = requesting.free_name(f"cl-00000{number}", "Активные")
        assert name == ("Активные" if number == 1 else f"Активные · {number}")
        requesting.create(f"cl-00000{number}", name, "", requesting.Wish(features=("age",)))
    assert requesting.free_name("cl-000001", "Активные") == "Активные"


def test_archived_clusters_leave_the_list_and_come_back(base: Base) -> None:
    kept = requesting.create(CODE, "Верные", "", requesting.Wish(features=("age",)))
    client = reader(*CHANGE)
    client.post(f"/segments/clusters/{CODE}/archive/")
    kept.refresh_from_db()
    assert not kept.active and "in the archive" in page(client)
    client.post(f"/segments/clusters/{CODE}/archive/", {"restore": ""})
    kept.refresh_from_db()
    assert kept.active
