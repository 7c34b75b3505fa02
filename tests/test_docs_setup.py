"""What docs/access.md and docs/nightly.md tell to copy, done against a workspace: units, crontab, script, container."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb_kql
import pytest

from pipeline.pages import TABLES
from pipeline.sandbox.faults import always, on_table, status
from pipeline.sandbox.tenant import simulate
from pipeline.sandbox.workspace import Workspace, serve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DOCS = Path(__file__).parent.parent / "docs"
EXAMPLES = DOCS / "examples"
WORKSPACE = "11111111-2222-3333-4444-555555555555"  # the one of the examples
PROGRAM = Path(sys.executable).with_name("signin-triage")


@pytest.fixture(scope="module")
def tenant() -> Iterator[Workspace]:
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    with serve({WORKSPACE: simulate(5, until=now, days=2, users=12, causes=()).tables}) as served:
        yield served


@pytest.fixture
def workspace(tenant: Workspace) -> Workspace:
    tenant.schedule = lambda _: None
    return tenant


@pytest.fixture
def machine(workspace: Workspace, tmp_path: Path) -> Mapping[str, str]:
    """Where the places of the examples lie on this machine, by their names there."""
    state = tmp_path / "state"
    state.mkdir(mode=0o750)
    places = {"/opt/signin-triage/bin/signin-triage": str(PROGRAM), "/var/lib/signin-triage": str(state)}
    environment = tmp_path / "environment"
    environment.write_text(
        f"{moved((EXAMPLES / 'environment').read_text(), places)}\n"
        f"SIGNIN_TRIAGE_ENDPOINT={workspace.url}\nSIGNIN_TRIAGE_LOOKBACK=2d\n"
    )
    return {**places, "/etc/signin-triage/environment": str(environment)}


def moved(text: str, places: Mapping[str, str]) -> str:
    for there, here in places.items():
        text = text.replace(there, here)
    return text


def shell(command: str, workspace: Workspace, **more: str) -> subprocess.CompletedProcess[str]:
    bare = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "NO_PROXY": "127.0.0.1"}
    return subprocess.run(
        ["sh", "-c", command],
        env=bare | workspace.environment | more,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def with_environment(command: str, machine: Mapping[str, str]) -> str:
    # The examples' own AZURE_TOKEN_CREDENTIALS=prod stays: it must find the identity endpoint of the workspace.
    return moved(f"set -a; . /etc/signin-triage/environment; cd /var/lib/signin-triage; {command}", machine)


def settings_of(unit: str) -> dict[str, str]:
    lines = (EXAMPLES / unit).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def test_systemd_finds_no_fault_in_the_units(machine: Mapping[str, str], tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze")
    for unit in ("signin-triage.service", "signin-triage.timer"):
        (tmp_path / unit).write_text(moved((EXAMPLES / unit).read_text(), machine))
    checked = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / "signin-triage.service", tmp_path / "signin-triage.timer"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "Failed to" in checked.stderr and "bus" in checked.stderr:
        pytest.skip("systemd-analyze cannot verify here")
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_lines_of_the_service_do_a_night_that_a_group_can_read(
    workspace: Workspace, machine: Mapping[str, str], tmp_path: Path
) -> None:
    service = settings_of("signin-triage.service")
    for line in (service["ExecStart"], service["ExecStartPost"]):
        told = shell(with_environment(line, machine), workspace)
        assert told.returncode == 0, told.stderr
    state = tmp_path / "state"
    assert stat.S_IMODE((state / "signins.duckdb").stat().st_mode) == 0o640
    assert (state / "report" / "incidents.csv").exists()


def test_the_service_tries_again_after_4_alone_and_takes_1_for_done() -> None:
    service = settings_of("signin-triage.service")
    assert service["SuccessExitStatus"] == "1"
    assert {0, 1, 2, 3, 4, 5, 130} - {0, 1, *map(int, service["RestartPreventExitStatus"].split())} == {4}


def test_the_crontab_mails_nothing_after_a_good_night_and_the_code_after_one_with_a_gap(
    workspace: Workspace, machine: Mapping[str, str]
) -> None:
    lines = [line for line in (EXAMPLES / "crontab").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0].startswith("MAILTO=")
    commands = []
    for line in lines[1:]:
        *times, command = line.split(maxsplit=5)
        assert all(re.fullmatch(r"[\d*/,-]+", field) for field in times)
        assert "%" not in command  # to cron that is a new line
        commands.append(command)
    for command in commands:
        told = shell(moved(command, machine), workspace)
        assert (told.returncode, told.stdout + told.stderr) == (0, "")
    workspace.schedule = on_table("AuditLogs", status(403))
    assert shell(moved(commands[0], machine), workspace).stdout == "signin-triage nightly ended with 1\n"


def test_the_mail_script_puts_the_line_of_the_night_into_the_subject(
    workspace: Workspace, machine: Mapping[str, str], tmp_path: Path
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "mail").write_text(f'#!/bin/sh\nprintf "%s\\n" "$2" "$3" > {tmp_path}/subject; cat > {tmp_path}/body\n')
    (programs / "signin-triage").symlink_to(PROGRAM)
    for program in programs.iterdir():
        program.chmod(0o755)
    path = f"{programs}:{os.environ['PATH']}"
    line = with_environment(f"{EXAMPLES / 'mail-night.sh'} ops@example.com", machine)
    assert shell(line, workspace, PATH=path).returncode == 0
    subject, to = (tmp_path / "subject").read_text().splitlines()
    night, _ = json.JSONDecoder().raw_decode((tmp_path / "body").read_text())
    assert (subject, to) == (night["text"], "ops@example.com")
    workspace.schedule = always(status(403))
    assert shell(line, workspace, PATH=path).returncode == 3
    subject = (tmp_path / "subject").read_text()
    assert subject.startswith("signin-triage failed (3): signin-triage: No table could be read")


def test_the_image_starts_a_night_with_the_file_of_the_environment(
    workspace: Workspace, machine: Mapping[str, str], tmp_path: Path
) -> None:
    image = dict(re.findall(r"^([A-Z]+) (.+)$", (EXAMPLES / "Dockerfile").read_text(), re.MULTILINE))
    command = [*json.loads(image["ENTRYPOINT"]), *json.loads(image["CMD"])]
    lines = Path(machine["/etc/signin-triage/environment"]).read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))  # as --env-file reads it
    told = shell(" ".join([str(PROGRAM), *command[1:]]), workspace, **given)
    assert (command[0], told.returncode) == ("signin-triage", 0), told.stderr
    assert (tmp_path / "state" / "signins.duckdb").exists()
    assert image["WORKDIR"] == image["VOLUME"] == "/var/lib/signin-triage"


def test_what_the_image_copies_is_enough_to_build_the_program(tmp_path: Path) -> None:
    for line in re.findall(r"^COPY (.+)$", (EXAMPLES / "Dockerfile").read_text(), re.MULTILINE):
        *sources, place = line.split()
        for source in sources:
            to = tmp_path / place.lstrip("/") / (source if place.endswith("/") else "")
            if (DOCS.parent / source).is_dir():
                shutil.copytree(DOCS.parent / source, to)
            else:
                to.parent.mkdir(exist_ok=True)
                shutil.copy(DOCS.parent / source, to)
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", tmp_path, tmp_path / "src"],
        capture_output=True,
        timeout=120,
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    assert {"pipeline/_assets/queries/AuditLogs.kql", "pipeline/_assets/queries/doctor/AuditLogs.kql"} <= set(
        zipfile.ZipFile(wheel).namelist()
    )


def test_every_variable_of_the_example_is_one_that_the_program_reads() -> None:
    named = set(re.findall(r"SIGNIN_TRIAGE_\w+", (EXAMPLES / "environment").read_text()))
    source = "".join(file.read_text() for file in (DOCS.parent / "pipeline" / "cli").glob("*.py"))
    read = {f"SIGNIN_TRIAGE_{name}" for name in re.findall(r"_PREFIX\}(\w+)", source)}
    assert named <= read


@pytest.mark.parametrize("document", ["nightly.md", "access.md"])
def test_what_a_document_names_exists_and_its_shell_lines_parse(document: str) -> None:
    text = (DOCS / document).read_text()
    for target in re.findall(r"\]\(((?!http)[^)#]+)\)", text):
        assert (DOCS / target).exists(), target
    for target in re.findall(r"docs/examples/[\w.-]+", text):
        assert (DOCS.parent / target).exists(), target
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        subprocess.run(["sh", "-n", "-c", block], check=True, timeout=10)


def test_the_first_look_of_the_document_is_a_doctor_that_finds_all_well(
    workspace: Workspace, machine: Mapping[str, str]
) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", (DOCS / "nightly.md").read_text(), re.MULTILINE | re.DOTALL)
    (line,) = [block for block in blocks if block.rstrip().endswith("doctor")]
    told = shell(moved(line, machine), workspace)
    assert told.returncode == 0, told.stdout
    checked = (DOCS / "access.md").read_text().split("## Check it")[1]
    for name in re.findall(r"^ok    (\S.*?)  ", told.stdout, re.MULTILINE):
        kind = name.split()[0] if name.startswith(("workspace ", "table ")) else name
        assert re.search(rf"^\|.*\b{kind}\b.*\|.*\|.*\|$", checked, re.MULTILINE), name


def test_the_custom_role_reads_our_tables_and_no_other() -> None:
    (block,) = re.findall(r"^```json\n(.*?)^```", (DOCS / "access.md").read_text(), re.MULTILINE | re.DOTALL)
    tables = {match[1] for action in json.loads(block)["Actions"] if (match := re.search(r"query/(\w+)/read$", action))}
    assert tables == set(TABLES)


def test_the_question_about_cost_is_kusto_over_our_tables() -> None:
    (block,) = re.findall(r"^```kusto\n(.*?)^```", (DOCS / "access.md").read_text(), re.MULTILINE | re.DOTALL)
    assert set(re.findall(r'"(\w+)"', block)) == set(TABLES)
    assert "Quantity" in str(duckdb_kql.to_sql(block))
