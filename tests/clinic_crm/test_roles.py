import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command

from clinic_crm import roles
from patients.models import Integration, Patient

pytestmark = pytest.mark.django_db


def permissions(role: str) -> set[str]:
    return {
        f"{label}.{codename}"
        for label, codename in Group.objects.get(name=role).permissions.values_list(
            "content_type__app_label", "codename"
        )
    }


def test_every_role_exists_after_migrate() -> None:
    assert set(Group.objects.values_list("name", flat=True)) >= set(roles.GRANTS)


def test_only_marketers_and_administrators_export_patients() -> None:
    may = {role for role in roles.GRANTS if "patients.export_patient" in permissions(role)}
    assert may == {roles.MARKETER, roles.ADMINISTRATOR}


def test_managers_change_calls_only_and_owners_nothing() -> None:
    for role, changed in ((roles.MANAGER, {"campaigns.change_calltask"}), (roles.OWNER, set())):
        assert {name for name in permissions(role) if not name.split(".")[1].startswith("view_")} == changed


def test_owners_see_patients_but_no_other_facts() -> None:
    assert {name for name in permissions(roles.OWNER) if name.startswith("patients.")} == {"patients.view_patient"}


def test_no_role_but_the_administrator_touches_users() -> None:
    may = {role for role in roles.GRANTS if "auth.change_user" in permissions(role)}
    assert may == {roles.ADMINISTRATOR}


def test_a_permission_given_by_hand_is_taken_back() -> None:
    Group.objects.get(name=roles.OWNER).permissions.add(Permission.objects.get(codename="delete_patient"))
    roles.sync_roles()
    assert "patients.delete_patient" not in permissions(roles.OWNER)


def test_demo_logins_have_their_role_and_stay_as_changed() -> None:
    call_command("demo_users")
    for name, role, password in roles.DEMO_LOGINS:
        user = get_user_model().objects.get(username=name)
        assert user.check_password(password)
        assert [group.name for group in user.groups.all()] == [role]
    admin = get_user_model().objects.get(username="admin")
    admin.set_password("my own now")
    admin.save()
    call_command("demo_users")
    admin.refresh_from_db()
    assert admin.check_password("my own now")
    assert admin.is_staff and not get_user_model().objects.get(username="owner").is_staff


def test_an_empty_start_makes_one_administrator(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("first_start", no_demo=True)
    user = get_user_model().objects.get()
    assert user.is_superuser
    assert user.check_password(capsys.readouterr().out.split()[-1])
    call_command("first_start", no_demo=True)
    assert capsys.readouterr().out == ""


def test_public_passwords_stay_away_from_real_patients() -> None:
    mis = Integration.objects.create(code="mis", name="MIS")
    Patient.objects.create(source=mis, external_id="1")
    with pytest.raises(CommandError, match="not generated"):
        call_command("demo_users")
    call_command("first_start")  # no demo here either, but somebody must be able to log in
    assert list(get_user_model().objects.values_list("username", flat=True)) == ["admin"]
