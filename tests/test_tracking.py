"""Tracking without a training: what reaches the trackers, survives a kill, is forgotten, and may fail."""

import asyncio
import dataclasses
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from bot.cli import app
from bot.erasing import erase
from data.errors import MynahError
from data.settings import Settings
from data.store import Store, open_store
from tests.posts import texts
from tests.processes import ROOT, environment, until
from tests.tiny_voices import full_voice
from tests.tracked import (
    everything_under,
    trackio_artifacts,
    trackio_configs,
    trackio_rows,
    wandb_points,
    wandb_records,
)
from tests.wandb_server import WandbServer
from trainer.job import Job, JobCorpus, Progress
from trainer.learned import Learned
from trainer.recipe import Recipe
from trainer.tracking import follow
from trainer.tracking.follow import Tracking, tracking
from trainer.tracking.marks import Mark, erase_tracked, tracked_runs
from trainer.tracking.steps import MOST_POINTS, points
from trainer.voice import Voice

STEPS = 12


def learned(handle: str, *, may_publish: bool = False) -> Learned:
    return Learned(
        handle,
        160,
        6,
        4,
        150,
        {"short": 4},
        5_000,
        "ab" * 32,
        {"en": 149, "de": 1},
        ("csv",),
        ("hers",),
        may_publish,
    )


def job_of(*handles: str, may_publish: bool = False) -> Job:
    corpora = []
    for seed, handle in enumerate(handles):
        every = texts(150, seed)
        corpora.append(JobCorpus(handle, every[15:], every[:15], learned(handle, may_publish=may_publish)))
    return Job(f"key{'0'.join(handles)}", "tiny", "nowhere", Recipe(), tuple(corpora))


def progress(step: int, steps: int = STEPS) -> dict[str, Any]:
    return Progress(
        step=step,
        steps=steps,
        loss=round(5.0 - step / 10, 4),
        held_out_loss=round(4.8 - step / 10, 4),
        held_out_loss_before=4.9,
        evaluated=step % 4 == 0,
        learning_rate=1e-3 / step,
        tokens_per_second=900.0,
        eta_seconds=1.0,
        history=[],
    ).to_json()


def voice_of(folder: Path, handle: str = "keeper") -> Voice:
    voice = full_voice(folder, handle)
    return Voice(
        dataclasses.replace(voice.record, examples=("My dream is to rest.", "My dream is fog"), copy_rate=0.025),
        folder,
    )


def settings_of(home: Path, tracker: str = "trackio", **more: Any) -> Settings:
    return Settings(home=home, tracking={"tracker": tracker}, _env_file=None, **more)


async def track(
    settings: Settings, job: Job, first: int = 1, last: int = STEPS, number: str = "7"
) -> dict[str, str]:
    """A training from step to step; it ends with a voice where it comes to the end."""

    async def begun() -> bool:
        return any(mark.where for mark in tracked_runs(settings) if mark.id.endswith("train"))

    async with tracking(settings, job, number) as tracked:
        for step in range(first, last + 1):
            tracked.log(progress(step))
        if last < STEPS:
            await until(begun)
            return {}
        return await tracked.finish(voice_of(settings.home / "voice", job.handles[0]))


@pytest.fixture(autouse=True)
def _no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights & Biases finds neither a key nor a server, wherever the tests run."""
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    for name in ("WANDB_API_KEY", "WANDB_MODE", "NETRC"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(f"sqlite+aiosqlite:///{tmp_path / 'mynah.db'}") as opened:
        yield opened


class TestTrackio:
    async def test_both_steps_are_there_with_all_that_is_known(self, tmp_path: Path) -> None:
        where = await track(settings_of(tmp_path), job_of("b", "a"))
        assert where == {
            "preprocess": "mynah track (run @a-b-preprocess)",
            "train": "mynah track (run @a-b-train)",
        }
        rows, configs = trackio_rows(tmp_path), trackio_configs(tmp_path)
        ((_, prepared),) = rows["@a-b-preprocess"]
        assert (prepared["posts/downloaded"], prepared["posts/kept"]) == (320, 300)
        assert (prepared["posts/to_learn_from"], prepared["posts/held_out"]) == (270, 30)
        assert [row["Handle"] for row in prepared["handles"]["_value"]] == ["@a", "@b"]
        assert configs["@a-b-preprocess"]["corpora"] == {"a": "ab" * 32, "b": "ab" * 32}

        *curve, (last, results) = rows["@a-b-train"]
        assert [step for step, _ in curve] == [*range(STEPS + 1)]
        assert [(step, row["held_out_loss"]) for step, row in curve if "held_out_loss" in row] == [
            (0, 4.9),
            (4, 4.4),
            (8, 4.0),
            (12, 3.6),
        ]
        assert curve[3][1] == {"loss": 4.7, "learning_rate": 1e-3 / 3, "tokens_per_second": 900.0}
        assert last == STEPS
        assert results["examples"]["_value"] == [
            {"Input": "My dream is", "Prediction": "to rest."},
            {"Input": "My dream is", "Prediction": "fog"},
        ]
        assert results["result/copy_rate"] == 0.025
        config = configs["@a-b-train"]
        assert (config["job_type"], config["base"], config["learning_rate"]) == ("train", "tiny", 1e-3)
        assert "cores" in config["machine"]

        artifacts = trackio_artifacts(tmp_path)
        assert artifacts["a-b-posts"]["manifest"][0]["digest"] == "ab" * 32
        (weights,) = artifacts["a-b-voice"]["manifest"]
        assert weights["size"] == (tmp_path / "voice" / "model.safetensors").stat().st_size

    @pytest.mark.parametrize("may_publish", [True, False])
    async def test_posts_are_not_kept_a_second_time(self, tmp_path: Path, may_publish: bool) -> None:
        await track(settings_of(tmp_path), job_of("a", may_publish=may_publish))
        assert texts(1)[0].encode() not in everything_under(tmp_path / "tracking")

    async def test_a_killed_run_goes_on_in_its_place_without_doubled_points(self, tmp_path: Path) -> None:
        for first, last in (
            (1, 5),
            (1, 7),
            (4, STEPS),
            (12, STEPS),
        ):  # also after its end, before it was published
            await track(settings_of(tmp_path), job_of("a"), first, last)
        rows = trackio_rows(tmp_path)
        assert len(rows["@a-preprocess"]) == 1
        assert [step for step, _ in rows["@a-train"]] == [*range(STEPS + 1), STEPS]
        assert len(tracked_runs(settings_of(tmp_path))) == 2

    async def test_the_same_voice_made_again_is_another_run(self, tmp_path: Path) -> None:
        for number in ("7", "8"):
            await track(settings_of(tmp_path), job_of("a"), number=number)
        assert len(trackio_rows(tmp_path)["@a-train"]) == 2 * (STEPS + 2)
        assert len({mark.id for mark in tracked_runs(settings_of(tmp_path))}) == 4


class TestWeightsAndBiases:
    async def test_an_offline_run_is_whole_and_holds_each_point_once(self, tmp_path: Path) -> None:
        settings = settings_of(tmp_path, "wandb", dry_run=True)
        await track(settings, job_of("a", "b"), 1, 7)
        where = await track(settings, job_of("a", "b"), 4)
        assert where["train"] == "mynah track (run @a-b-train)"
        folder = tmp_path / "tracking" / "wandb" / "keya0b-7-train"
        records = wandb_records(folder)
        *curve, results = wandb_points(records)
        assert [row["_step"] for row in curve] == [*range(STEPS + 1)]
        assert [row["held_out_loss"] for row in curve if "held_out_loss" in row] == [4.9, 4.4, 4.0, 3.6]
        assert results["result/copy_rate"] == 0.025
        (run,) = (record.run for record in records if record.WhichOneof("record_type") == "run")
        assert (run.project, run.display_name, run.job_type) == ("huggingtweets", "@a-b-train", "train")
        assert (run.host, run.git.remote_url) == ("mynah", "")
        assert json.loads({item.key: item.value_json for item in run.config.update}["batch"]) == 4
        (table,) = folder.rglob("*.table.json")
        assert json.loads(table.read_text())["columns"] == ["Input", "Prediction"]
        (prepared,) = wandb_points(wandb_records(folder.parent / "keya0b-7-preprocess"))
        assert prepared["posts/kept"] == 300
        assert not (tmp_path / "nobody").exists()

    @pytest.mark.parametrize("may_publish", [True, False])
    async def test_posts_and_weights_leave_only_where_their_owners_allow_it(
        self, tmp_path: Path, may_publish: bool
    ) -> None:
        await track(settings_of(tmp_path, "wandb", dry_run=True), job_of("a", may_publish=may_publish))
        kept = everything_under(tmp_path / "tracking")
        assert (texts(1)[0].encode() in kept) is may_publish
        assert ((tmp_path / "voice" / "model.safetensors").read_bytes() in kept) is may_publish
        assert b"ab" * 32 in kept

    async def test_without_a_key_a_run_is_kept_for_later(self, tmp_path: Path) -> None:
        where = await track(settings_of(tmp_path, "wandb"), job_of("a"))
        assert set(where) == {"preprocess", "train"}
        assert len(wandb_points(wandb_records(tmp_path / "tracking" / "wandb" / "keya-7-train"))) == STEPS + 2

    async def test_a_dry_run_sends_nothing_whatever_the_environment_says(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A server that listens hears nothing."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
            monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
            monkeypatch.setenv("WANDB_MODE", "online")
            await track(settings_of(tmp_path, "wandb", dry_run=True), job_of("a"))
            server.setblocking(False)
            with pytest.raises(BlockingIOError):
                server.accept()

    async def test_a_run_at_the_server_is_live_there_and_goes_with_its_person(
        self, tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
        async with WandbServer().serve() as server:
            monkeypatch.setenv("WANDB_BASE_URL", server.url)
            settings = settings_of(tmp_path, "wandb")
            where = await track(settings, job_of("a"))
            assert where["train"] == f"{server.url}/us/huggingtweets/runs/keya-7-train"
            assert [row["_step"] for row in server.rows["keya-7-train"]] == [*range(STEPS + 2)]
            assert server.artifacts["a-posts"]["kept"] == 150
            assert server.artifacts["a-voice"]["key"] == "voice"
            await erase(store, settings, "a")
            assert sorted(server.deleted) == ["keya-7-preprocess", "keya-7-train"]
            assert not list(settings.tracked.glob("*/*"))

    async def test_a_run_that_was_at_the_server_is_deleted_there_also_after_an_attempt_offline(
        self, tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
        settings = settings_of(tmp_path, "wandb")
        async with WandbServer().serve() as server:
            monkeypatch.setenv("WANDB_BASE_URL", server.url)
            await track(settings, job_of("a"), 1, 5)
            await track(settings_of(tmp_path, "wandb", offline=True), job_of("a"), 4)
            await erase(store, settings, "a")
            assert sorted(server.deleted) == ["keya-7-preprocess", "keya-7-train"]

    async def test_a_run_sent_by_hand_is_deleted_at_the_server(
        self, tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = settings_of(tmp_path / "my home", "wandb")
        await track(settings, job_of("a"))
        told = CliRunner(env={"MYNAH_HOME": str(settings.home), "MYNAH_TRACKING__TRACKER": "wandb"}).invoke(
            app, ["track"]
        )
        monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
        async with WandbServer().serve() as server:
            monkeypatch.setenv("WANDB_BASE_URL", server.url)
            for line in told.output.splitlines():
                command = shlex.split(line.partition(": ")[2])
                sending = await asyncio.create_subprocess_exec(sys.executable, "-m", *command, cwd=tmp_path)
                assert await sending.wait() == 0
            assert server.rows.keys() == {"keya-7-preprocess", "keya-7-train"}
            await erase(store, settings, "a")
            assert sorted(server.deleted) == ["keya-7-preprocess", "keya-7-train"]

    async def test_only_what_is_surely_gone_counts_as_gone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
        settings = settings_of(tmp_path, "wandb")
        async with WandbServer().serve() as server:
            monkeypatch.setenv("WANDB_BASE_URL", server.url)
            ours, theirs, elsewhere = (
                Mark(f"key-{number}-train", "@a-train", ("a",), "p", f"{at}/p/runs/key-{number}-train")
                for number, at in enumerate((f"{server.url}/us", f"{server.url}/them", "http://127.0.0.1:9/us"))
            )
            for mark in (theirs, elsewhere, ours):
                mark.write(settings.tracked)
            with pytest.raises(MynahError, match=r"Could not find run .*them"):
                await asyncio.to_thread(
                    erase_tracked, settings, [theirs, ours]
                )  # one that stays is no reason to leave the next
            with pytest.raises(MynahError, match="set WANDB_BASE_URL"):
                await asyncio.to_thread(erase_tracked, settings, [elsewhere])
            assert tracked_runs(settings) == [theirs, elsewhere]


class TestTrouble:
    async def test_no_tracker_leaves_nothing(self, tmp_path: Path) -> None:
        assert await track(settings_of(tmp_path, "none"), job_of("a")) == {}
        assert not (tmp_path / "tracking").exists()

    @pytest.mark.parametrize("tracker", ["trackio", "wandb"])
    async def test_what_goes_wrong_is_logged_once_and_stops_nothing(self, tmp_path: Path, tracker: str) -> None:
        (tmp_path / "tracking").write_text("no folder")
        with capture_logs() as logs:
            assert await track(settings_of(tmp_path, tracker), job_of("a")) == {}
        assert [entry["event"] for entry in logs] == ["tracking ended, the training goes on"]
        assert "NotADirectoryError" in logs[0]["error"] or "FileExistsError" in logs[0]["error"]

    async def test_what_can_not_be_recorded_stops_nothing(self, tmp_path: Path) -> None:
        voice = voice_of(tmp_path / "voice")
        (voice.folder / "model.safetensors").unlink()
        with capture_logs() as logs:
            async with tracking(settings_of(tmp_path), job_of("a"), "7") as tracked:
                tracked.log(progress(1))
                assert set(await tracked.finish(voice)) == {"preprocess", "train"}
        assert [entry["event"] for entry in logs] == ["not tracked, the training goes on"]

    async def test_a_tracker_that_is_killed_stops_nothing(self, tmp_path: Path) -> None:
        with capture_logs() as logs:
            async with tracking(settings_of(tmp_path), job_of("a"), "7") as tracked:
                _process(tracked).kill()
                for step in range(1, 2_000):
                    tracked.log(progress(step, 2_000))
                    await asyncio.sleep(0)
                await tracked.finish(voice_of(tmp_path / "voice"))
        assert [entry["code"] for entry in logs] == [-signal.SIGKILL]

    async def test_a_tracker_that_hangs_is_ended(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(follow, "FINISH_SECONDS", 0.3)
        monkeypatch.setattr(follow, "STOP_SECONDS", 0.1)
        voice = voice_of(tmp_path / "voice")
        started = time.monotonic()
        async with tracking(settings_of(tmp_path), job_of("a"), "7") as tracked:
            pid = _process(tracked).pid
            os.kill(pid, signal.SIGSTOP)
            for step in range(1, 5_000):  # more than a pipe takes in
                tracked.log(progress(step, 200))
            await tracked.finish(voice)
        assert time.monotonic() - started < 2
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

    @pytest.mark.parametrize("tracker", ["trackio", "wandb"])
    async def test_the_tracker_gets_no_secret_but_its_own_and_no_other_address(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tracker: str
    ) -> None:
        for name in ("MYNAH_DISCORD__TOKEN", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "DATABASE_URL"):
            monkeypatch.setenv(name, "hush-hush")
        monkeypatch.setenv("WANDB_API_KEY", "its-own")
        for name in ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL", "WANDB_SERVICE", "WANDB_PROJECT"):
            monkeypatch.setenv(name, "somebody/elsewhere")
        settings = settings_of(tmp_path, tracker, dry_run=True)
        async with tracking(settings, job_of("a"), "7") as tracked:
            inherited = environment_of(_process(tracked).pid)
        assert b"PATH=" in inherited
        assert b"hush-hush" not in inherited
        assert b"elsewhere" not in inherited
        assert (b"its-own" in inherited) is (tracker == "wandb")

    @pytest.mark.parametrize(
        ("patch", "tracker", "told"),
        [
            ("print('hello', flush=True)", "trackio", ""),
            ("import sys; sys.modules['wandb'] = None", "wandb", "pip install 'mynah[wandb]'"),
            ("import resource as r; r.setrlimit(r.RLIMIT_FSIZE, (9999, 9999))", "trackio", "disk I/O error"),
        ],
        ids=["chatter", "not installed", "full disk"],
    )
    async def test_what_is_odd_about_the_machine_is_told_and_stops_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patch: str, tracker: str, told: str
    ) -> None:
        (tmp_path / "sitecustomize.py").write_text(patch)
        monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
        with capture_logs() as logs:
            where = await track(settings_of(tmp_path / "home", tracker), job_of("a"))
        if told:
            assert told in logs[0]["error"]
        else:
            assert (set(where), logs) == ({"preprocess", "train"}, [])

    async def test_many_trainers_write_at_once(self, tmp_path: Path) -> None:
        settings = settings_of(tmp_path)
        jobs = [job_of(handle) for handle in "abcd"]
        with capture_logs() as logs:
            await asyncio.gather(*(track(settings, job, number=str(at)) for at, job in enumerate(jobs)))
        assert logs == []
        rows = trackio_rows(tmp_path)
        assert [len(rows[f"@{handle}-train"]) for handle in "abcd"] == [STEPS + 2] * 4


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def _process(tracked: Tracking) -> asyncio.subprocess.Process:
    assert tracked._process is not None
    return tracked._process


@pytest.mark.parametrize("steps", [1, 7, 199, 401, 100_000])
def test_a_curve_has_a_few_hundred_points_and_every_evaluation(steps: int) -> None:
    told: dict[int, dict[str, float]] = {}
    for step in range(1, steps + 1):
        told |= points({**progress(step, steps), "evaluated": step % 5_000 == 0})
    assert min(steps, MOST_POINTS) / 2 <= len(told) <= MOST_POINTS + 30
    assert sum("held_out_loss" in values for values in told.values()) == 1 + steps // 5_000
    assert {0, 1} <= told.keys()


class TestForgetting:
    @pytest.mark.parametrize("tracker", ["trackio", "wandb"])
    async def test_a_forgotten_handle_leaves_no_trace(self, tmp_path: Path, store: Store, tracker: str) -> None:
        settings = settings_of(tmp_path, tracker, dry_run=True)
        for handles in (("goner",), ("goner", "stayer"), ("stayer",)):
            await track(settings, job_of(*handles))
        assert b"goner" in everything_under(settings.tracked)
        await erase(store, settings, "goner")
        left = everything_under(settings.tracked)
        assert b"goner" not in left
        assert b"@stayer-train" in left
        assert [mark.name for mark in tracked_runs(settings)] == ["@stayer-preprocess", "@stayer-train"]
        await erase(store, settings, "stayer")
        assert b"stayer" not in everything_under(settings.tracked)

    @pytest.mark.parametrize("tracker", ["trackio", "wandb"])
    async def test_what_is_forgotten_while_it_is_tracked_stays_forgotten_without_the_trainer(
        self, tmp_path: Path, store: Store, tracker: str
    ) -> None:
        """A trainer that was killed can't clean up."""
        settings = settings_of(tmp_path, tracker, dry_run=True)
        async with tracking(settings, job_of("goner"), "7") as tracked:
            tracked.log(progress(1))

            async def begun() -> bool:
                return any(mark.where for mark in tracked_runs(settings) if mark.id.endswith("train"))

            await until(begun)
            await erase(store, settings, "goner")
            tracked.log(progress(2))
            await asyncio.wait({tracked._listening}, timeout=20)
            assert tracked._listening.done()  # it doesn't wait for more
            tracked.log(progress(4))
            await tracked.finish(voice_of(tmp_path / "voice", "goner"))
        assert b"goner" not in everything_under(settings.tracked)
        assert tracked_runs(settings) == []

    async def test_what_a_kill_left_of_a_mark_goes_too(self, tmp_path: Path) -> None:
        settings = settings_of(tmp_path)
        mark = Mark("key-7-train", "@goner-train", ("goner",), "p")
        mark.write(settings.tracked)
        (settings.tracked / "runs" / "key-7-train.99.partial").write_text("goner")
        erase_tracked(settings, [mark])
        assert everything_under(settings.tracked) == b""

    async def test_what_is_at_a_server_and_can_not_be_deleted_is_told_and_tried_again(
        self, tmp_path: Path
    ) -> None:
        mark = Mark("key-7-train", "@a-train", ("a",), "p", "http://127.0.0.1:9/us/huggingtweets/runs/key-7-train")
        for settings in (settings_of(tmp_path, "wandb", dry_run=True), settings_of(tmp_path, "wandb")):
            mark.write(settings.tracked)
            with pytest.raises(MynahError, match=r"http://127.0.0.1:9/us/.* can't be deleted"):
                erase_tracked(settings, [mark])
            assert tracked_runs(settings) == [mark]


class TestCommand:
    def run(self, home: Path, *words: str, **more: str) -> tuple[int, str]:
        result = CliRunner(env={"MYNAH_HOME": str(home), **more}).invoke(app, ["track", *words])
        return result.exit_code, result.output + str(result.exception or "")

    def test_where_nothing_is_tracked_it_says_so(self, tmp_path: Path) -> None:
        for tracker in ("trackio", "wandb"):
            assert "Nothing is tracked yet" in self.run(tmp_path, MYNAH_TRACKING__TRACKER=tracker)[1]
        assert "as MYNAH_TRACKING__TRACKER is none" in self.run(tmp_path, MYNAH_TRACKING__TRACKER="none")[1]

    async def test_runs_at_weights_and_biases_are_listed(self, tmp_path: Path) -> None:
        settings = settings_of(tmp_path, "wandb", dry_run=True)
        await track(settings, job_of("a"))
        Mark("key-9-train", "@b-train", ("b",), "p", "https://wandb.example/us/p/runs/9").write(settings.tracked)
        code, told = self.run(tmp_path, MYNAH_TRACKING__TRACKER="wandb")
        assert code == 0
        lines = dict(line.split(": ", 1) for line in told.splitlines())
        assert lines["@b-train"] == "https://wandb.example/us/p/runs/9"
        assert lines["@a-train"].startswith(f"wandb sync {tmp_path / 'tracking' / 'wandb'}")
        assert "*" not in lines["@a-train"]

    async def test_the_page_shows_what_is_tracked_until_ctrl_c(self, tmp_path: Path) -> None:
        await track(settings_of(tmp_path), job_of("a"))
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            busy = self.command(tmp_path, port)
            assert b"is taken" in busy.communicate(timeout=30)[1]
            assert busy.returncode == 2
        page = self.command(tmp_path, port)
        try:
            assert page.stdout is not None
            line = (await asyncio.to_thread(page.stdout.readline)).decode()
            assert f"http://127.0.0.1:{port}/?project=huggingtweets" in line
            assert "token" not in line
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                answer = await client.post("/api/get_runs_for_project", json={"project": "huggingtweets"})
            assert {run["name"] for run in answer.json()["data"]} == {"@a-preprocess", "@a-train"}
            page.send_signal(signal.SIGINT)
            assert page.wait(10) == 0
        finally:
            page.kill()
            page.communicate()

    def command(self, home: Path, port: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", "bot", "track", "--port", port],
            cwd=ROOT,
            env=environment(home),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
