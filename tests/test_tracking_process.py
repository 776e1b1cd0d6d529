"""Tracking beside real trainings: killed and gone on with, forgotten half-way, and nothing on the network."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from bot.erasing import erase
from data.settings import Settings
from data.store import Store, open_store
from tests.posts import bring
from tests.processes import ROOT, children, kill, trainer_running, until
from tests.test_trainer_process import ENDLESS, LONG, QUICK, ask, at_work, ended, state_of
from tests.tiny_voices import tiny_base
from tests.tracked import everything_under, trackio_rows
from trainer.voice import Voice

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# Read by every Python process that the trainer starts.
_NO_NETWORK = """
import pathlib, socket, sys
log = pathlib.Path(__file__).with_name("log")
def tell(line):
    with log.open("a") as file:
        file.write(line + "\\n")
tell("started " + " ".join(sys.orig_argv))
def refuse(self, address, connect=socket.socket.connect):
    if self.family == socket.AF_UNIX:
        return connect(self, address)
    tell(f"connected {address}")
    raise PermissionError
def refuse_name(host, *rest, **more):
    tell(f"connected {host}")
    raise PermissionError
socket.socket.connect = socket.socket.connect_ex = refuse
socket.getaddrinfo = refuse_name
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(f"sqlite+aiosqlite:///{tmp_path / 'mynah.db'}") as opened:
        await bring(opened, "keeper")
        yield opened


@pytest.fixture
def network_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Sockets are forbidden to whatever is started; who started and who tried is in the file."""
    folder = tmp_path / "no-network"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_NO_NETWORK)
    monkeypatch.setenv("PYTHONPATH", f"{folder}:{ROOT}")
    monkeypatch.setenv("HF_TOKEN", "hf_0")  # with one trackio would ask the hub whose it is
    return (folder / "log").read_text


async def test_whatever_is_killed_the_tracked_run_goes_on_and_nothing_is_sent(
    store: Store, base: Path, tmp_path: Path, network_log: Callable[[], str]
) -> None:
    run = await ask(store, base, LONG, "voice")
    with trainer_running(tmp_path) as trainer:
        await at_work(store, run)
        for child in children(trainer):
            kill(child)

        async def taken_up_again() -> bool:
            current = await state_of(store, run)
            return current.attempts == 2 and current.progress.get("step", 0) > 3

        await until(taken_up_again)
        kill(trainer)
    with trainer_running(tmp_path):
        done = await ended(store, run)
    assert (done.state, done.error) == ("done", None)
    assert Voice.from_folder(tmp_path / "voices" / "voice").record.tracked == {
        "preprocess": "mynah track (run @keeper-preprocess)",
        "train": "mynah track (run @keeper-train)",
    }
    rows = trackio_rows(tmp_path)
    assert len(rows["@keeper-preprocess"]) == 1
    *curve, (_, results) = rows["@keeper-train"]
    steps = [step for step, _ in curve]
    assert steps == sorted(set(steps))
    assert len(steps) > 30
    assert [row["Input"] for row in results["examples"]["_value"]] == ["My dream is"] * 10
    log = network_log()
    assert "-m trainer.tracking trackio" in log
    assert "connected" not in log


async def test_what_is_forgotten_while_it_is_trained_leaves_no_trace(
    store: Store, base: Path, tmp_path: Path
) -> None:
    run = await ask(store, base, ENDLESS, "voice")
    settings = Settings(home=tmp_path, _env_file=None)
    with trainer_running(tmp_path):
        await at_work(store, run)

        async def tracked() -> bool:
            return b"@keeper-train" in everything_under(tmp_path / "tracking" / "trackio")

        await until(tracked)
        await erase(store, settings, "keeper")

        async def gone() -> bool:
            return b"keeper" not in everything_under(tmp_path / "tracking")

        await until(gone, 5)
        await until(lambda: _ended(tmp_path), 5)
    assert b"keeper" not in everything_under(tmp_path / "tracking")


async def _ended(home: Path) -> bool:
    return not list((home / "runs").iterdir())


async def test_without_a_tracker_a_voice_is_trained_all_the_same(
    store: Store, base: Path, tmp_path: Path, network_log: Callable[[], str]
) -> None:
    run = await ask(store, base, QUICK, "voice")
    with trainer_running(tmp_path, MYNAH_TRACKING__TRACKER="none"):
        assert (await ended(store, run)).state == "done"
    assert Voice.from_folder(tmp_path / "voices" / "voice").record.tracked == {}
    assert not (tmp_path / "tracking").exists()
    log = network_log()
    assert "trainer.tracking" not in log
    assert "connected" not in log
