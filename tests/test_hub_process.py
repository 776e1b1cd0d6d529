"""Push and pull as real processes against the hub on loopback: from one home to another, and killed half-way."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from data.settings import Settings
from data.store import open_store
from tests.hub_server import HubServer
from tests.hubs import make_voice
from tests.processes import ROOT, environment
from tests.test_cli import mynah, printed

pytestmark = pytest.mark.timeout(600)


async def run(home: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A command; the hub, which is in this process, goes on meanwhile."""
    return await asyncio.to_thread(mynah, home, *arguments, **settings)


async def home_with_voice(home: Path, **about: object) -> Path:
    settings = Settings(home=home, _env_file=None)
    async with open_store(settings.database) as store:
        await make_voice(store, settings, "keeper", **about)
    return home


@pytest.mark.slow
async def test_from_one_home_to_another_and_forgotten_again(hub_server: HubServer, tmp_path: Path) -> None:
    ours, theirs = await home_with_voice(tmp_path / "ours"), tmp_path / "theirs"
    pushed = printed(await run(ours, "push", "keeper", "--yes", "--json", **hub_server.environment))
    assert pushed["address"] == f"{hub_server.endpoint}/ode/keeper"
    assert hub_server.world.repositories["ode/keeper"].private

    took = await run(theirs, "pull", "ode/keeper", "--yes", "--json", **hub_server.environment)
    sha = hub_server.world.repositories["ode/keeper"].commits[-1].sha
    assert printed(took)["revision"] == sha
    assert f"ode/keeper, revision {sha}, private" in took.stderr
    assert "license:other" in took.stderr
    say = ("say", "keeper", "The lamp", "-n", "5", "--seed", "11", "--json")
    here, there = [await run(home, *say, MYNAH_SPEAK__MAX_TOKENS="12") for home in (ours, theirs)]
    assert here.returncode in (0, 7)  # noise passes a gate now and then: both say the same, or both nothing
    assert (here.returncode, here.stdout, here.stderr) == (there.returncode, there.stdout, there.stderr)

    receipt = printed(await run(ours, "forget", "keeper", "--yes", "--json", **hub_server.environment))
    assert receipt["repositories"] == 1
    assert not hub_server.world.repositories
    gone = await run(tmp_path / "third", "pull", "ode/keeper", "--yes", **hub_server.environment)
    assert gone.returncode == 3
    assert gone.stderr.strip().startswith("✗ The model hub has no repository ode/keeper")


async def broken(
    hub_server: HubServer,
    home: Path,
    method: str,
    path: str,
    *command: str,
    by: signal.Signals = signal.SIGKILL,
    after: int | None = 1,
) -> tuple[int, str]:
    """A command that gets a signal when a call came, or `after` bytes of it; gives its exit code and words."""
    hub_server.fail(method, path, hold=True, after=after)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *command, "--yes"),
        cwd=ROOT,
        env=environment(home, **hub_server.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(90):
            await hub_server.held()
            process.send_signal(by)
            _, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode is not None
    return process.returncode, said.decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "path", "again"),
    [
        ("PUT", "/large/.*", "weights"),  # the weights had come in part: they are sent once more, whole
        ("POST", ".*/commit/main", "nothing"),  # they had come whole: only the commit is missing
    ],
)
async def test_a_push_that_was_killed_goes_on(
    hub_server: HubServer, tmp_path: Path, method: str, path: str, again: str
) -> None:
    home = await home_with_voice(tmp_path / "home")
    await broken(hub_server, home, method, path, "push", "keeper")
    assert len(hub_server.world.repositories["ode/keeper"].commits) == 1
    before = hub_server.sent("PUT", "/large/")
    result = await run(home, "push", "keeper", "--yes", "--json", **hub_server.environment)
    assert printed(result)["repo"] == "ode/keeper"
    repo = hub_server.world.repositories["ode/keeper"]
    weights = len(repo.files["model.safetensors"].content)
    assert hub_server.sent("PUT", "/large/") - before == (weights if again == "weights" else 0)
    assert len(repo.commits) == 2


@pytest.mark.slow
async def test_ctrl_c_ends_a_push_at_once(hub_server: HubServer, tmp_path: Path) -> None:
    home = await home_with_voice(tmp_path / "home")
    code, said = await broken(hub_server, home, "PUT", "/large/.*", "push", "keeper", by=signal.SIGINT)
    assert code == 130
    assert said.endswith("Stopped; what was uploaded whole stays there. Push again to go on.\n")
    assert not any((home / "incoming").iterdir())


@pytest.mark.slow
async def test_a_pull_that_was_killed_leaves_no_voice_and_is_swept(hub_server: HubServer, tmp_path: Path) -> None:
    ours, theirs = await home_with_voice(tmp_path / "ours"), tmp_path / "theirs"
    printed(await run(ours, "push", "keeper", "--yes", "--json", **hub_server.environment))
    await broken(hub_server, theirs, "GET", "/large/.*", "pull", "ode/keeper", after=None)
    [left] = (theirs / "incoming").iterdir()
    assert not (theirs / "voices").exists()
    assert "No voices yet" in (await run(theirs, "voices")).stdout
    os.utime(left, (0, 0))
    assert printed(await run(theirs, "pull", "ode/keeper", "--yes", "--json", **hub_server.environment))
    assert not any((theirs / "incoming").iterdir())


@pytest.mark.slow
async def test_a_full_disk_ends_a_pull_in_one_sentence_and_leaves_nothing(
    hub_server: HubServer, tmp_path: Path
) -> None:
    ours, theirs = await home_with_voice(tmp_path / "ours"), tmp_path / "theirs"
    printed(await run(ours, "push", "keeper", "--yes", "--json", **hub_server.environment))
    repo = hub_server.world.repositories["ode/keeper"]
    files = {name: blob.content for name, blob in repo.files.items()}
    hub_server.repository("ode/keeper", files | {"tokenizer.json": files["tokenizer.json"] + b" " * 2_000_000})
    no_large_files = ("bash", "-c", 'ulimit -f 1000; exec "$@"', "-")  # none of more than 1,000 KiB
    result = await asyncio.to_thread(
        subprocess.run,
        [*no_large_files, sys.executable, "-m", "bot", "pull", "ode/keeper", "--yes"],
        cwd=ROOT,
        env=environment(theirs, **hub_server.environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1, result.stderr
    assert "✗ The system refused" in result.stderr
    assert "File too large" in result.stderr
    assert not any((theirs / "incoming").iterdir())
    assert not (theirs / "voices").exists()


@pytest.mark.parametrize(
    ("arguments", "settings", "code", "sentence"),
    [
        (("push", "nobody", "--yes"), {}, 3, "no voice of nobody"),
        (("push", "keeper", "--public", "--yes"), {}, 5, "so their voice can't be public"),
        (("push", "keeper", "--yes"), {}, 5, "say so with --own"),
        (("push", "keeper"), {}, 5, "say so with --own"),
        (("push", "keeper", "--yes"), {"MYNAH_DRY_RUN": "1"}, 5, "MYNAH_DRY_RUN"),
        (("push", "keeper", "--yes"), {"MYNAH_HUB__TOKEN": "hf_wrong"}, 5, "does not take the token"),
        (("pull", "ode/keeper", "--yes"), {"MYNAH_OFFLINE": "1"}, 5, "MYNAH_OFFLINE"),
        (("pull", "ode/keeper", "--yes"), {"HF_ENDPOINT": "http://127.0.0.1:9"}, 1, "can't be reached"),
    ],
)
async def test_what_is_wrong_is_one_line(
    hub_server: HubServer,
    tmp_path: Path,
    arguments: tuple[str, ...],
    settings: dict[str, str],
    code: int,
    sentence: str,
) -> None:
    home = await home_with_voice(tmp_path / "home", may_publish=False)
    result = await run(home, *arguments, **hub_server.environment | settings)
    assert result.returncode == code, result.stderr
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not hub_server.world.repositories


async def test_nothing_is_done_without_a_yes(hub_server: HubServer, tmp_path: Path) -> None:
    home = await home_with_voice(tmp_path / "home")
    result = await asyncio.to_thread(mynah, home, "push", "keeper", stdin="n\n", **hub_server.environment)
    assert result.returncode == 1
    assert "Push the voice keeper to ode/keeper (only its owner can see it)?" in result.stderr
    assert not hub_server.world.repositories
    log = (home / "mynah.log").read_text() if (home / "mynah.log").exists() else ""
    assert hub_server.token not in log + json.dumps(result.stderr)
