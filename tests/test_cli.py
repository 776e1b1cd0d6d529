"""The command line as a person meets it: real processes, exit codes, one sentence where something is wrong."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.posts import texts
from tests.processes import ROOT, environment
from tests.tiny_voices import full_voice, tiny_base

pytestmark = pytest.mark.timeout(600)  # a voice is tuned on the built-in base, on whatever machine


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def mynah(home: Path, *arguments: str, stdin: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        cwd=ROOT,
        env=environment(home, **settings),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


def printed(result: subprocess.CompletedProcess[str]) -> Any:
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def posts_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("posts") / "keeper.jsonl"
    rows = [{"id": str(100 + n), "text": text, "is_retweet": False} for n, text in enumerate(texts(400))]
    rows += [{"id": "9000", "text": "RT @gull: Caw caw caw.", "is_retweet": True}, {"id": "9001", "text": "Fog."}]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


@pytest.mark.slow
def test_the_whole_way_by_command_line(home: Path, posts_file: Path, tmp_path: Path) -> None:
    imported = printed(mynah(home, "import", str(posts_file), "--profile", "reference", "--json"))
    assert (imported["handle"], imported["downloaded"], imported["new"]) == ("keeper", 402, 402)
    assert imported["downloaded"] - imported["retweets"] - imported["short"] == imported["kept"] == 400
    assert imported["provenance"]["source"] == "json-lines"
    assert len(imported["provenance"]["file_digest"]) == 64
    again = printed(mynah(home, "import", str(posts_file), "--json"))
    assert (again["new"], again["same"]) == (0, 402)

    trained = printed(mynah(home, "train", "@keeper", "--base", "builtin", "--json", MYNAH_TRAINER__THREADS="1"))
    assert trained["created"]
    assert trained["held_out_loss"] < trained["held_out_loss_before"]
    assert not printed(mynah(home, "train", "KEEPER", "--base", "builtin", "--json"))["created"]

    voices = printed(mynah(home, "voices", "--json"))
    assert [(voice["name"], voice["handles"], voice["base"]) for voice in voices] == [
        ("keeper", ["keeper"], "builtin")
    ]
    said = printed(mynah(home, "say", "keeper", "The fog", "-n", "3", "--seed", "7", "--json"))
    assert len(said) >= 1
    assert all(set(reply) == {"text", "prompt", "seed", "voice"} for reply in said)
    assert all(reply["text"].startswith("The fog") for reply in said)
    assert printed(mynah(home, "say", "keeper", "The fog", "-n", "3", "--seed", "7", "--json")) == said
    answered = mynah(home, "chat", "keeper", stdin="How is the fog?\n\nAnd the gull?\n")
    assert answered.returncode == 0
    assert answered.stdout.count("keeper (AI) >") == 2

    exported = mynah(home, "export", "keeper", str(tmp_path / "model"))
    assert exported.returncode == 0
    assert (tmp_path / "model" / "model.safetensors").exists()

    runs = printed(mynah(home, "runs", "--json"))
    assert [run["state"] for run in runs] == ["done"]
    receipt = printed(mynah(home, "forget", "keeper", "--yes", "--json"))
    assert receipt["posts"] == 402
    assert printed(mynah(home, "corpora", "--json")) == []
    assert printed(mynah(home, "voices", "--json")) == []
    assert list((home / "voices").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["import", "nowhere.zip"], 3, "nowhere.zip"),
        (["import", "[odd]nowhere.zip"], 3, "[odd]nowhere.zip"),
        (["train", "nobody"], 3, "no posts of @nobody"),
        (["train", "not a name"], 2, "not an account name"),
        (["say", "nobody"], 3, "no voice of nobody"),
        (["chat"], 3, "no voice yet"),
        (["cancel", "77"], 3, "no run 77"),
        (["export", "nobody", "folder"], 3, "no voice of nobody"),
        (["pretrain", "folder", "--posts", "nowhere.txt"], 2, "no file 'nowhere.txt'"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(
    tmp_path: Path, arguments: list[str], code: int, sentence: str
) -> None:
    result = mynah(tmp_path, *arguments)
    assert result.returncode == code, result.stderr
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_setting_that_can_not_be_used_is_named(tmp_path: Path) -> None:
    result = mynah(tmp_path, "voices", MYNAH_SPEAK__TOP_P="7")
    assert result.returncode == 2
    assert "MYNAH_SPEAK__TOP_P" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_small_corpus_is_kept_but_refused_for_training(tmp_path: Path) -> None:
    file = tmp_path / "small.csv"
    file.write_text("id,text\n" + "".join(f'{n},"{text}"\n' for n, text in enumerate(texts(30), 1)))
    result = mynah(tmp_path / "home", "import", str(file), "--profile", "reference", "--json")
    assert result.returncode == 4
    assert "6,000" in result.stderr
    assert json.loads(result.stdout)["kept"] == 30


def test_a_detached_run_waits_for_a_trainer_and_can_be_cancelled(tmp_path: Path, posts_file: Path) -> None:
    assert mynah(tmp_path, "import", str(posts_file)).returncode == 0
    queued = printed(mynah(tmp_path, "train", "keeper", "--base", "builtin", "--detach", "--json"))
    assert queued["state"] == "queued"
    waiting = printed(mynah(tmp_path, "runs", "--json"))
    assert [(run["run"], run["state"]) for run in waiting] == [(queued["run"], "queued")]
    assert mynah(tmp_path, "cancel", str(queued["run"])).returncode == 0
    assert printed(mynah(tmp_path, "runs", "--json"))[0]["state"] == "cancelled"


def test_the_doctor_examines_everything_and_says_what_to_do(tmp_path: Path) -> None:
    findings = printed(mynah(tmp_path, "doctor", "--json"))
    assert {finding["check"] for finding in findings} >= {"home", "store", "built-in base", "tuning", "speaking"}
    assert all(finding["advice"] for finding in findings if finding["state"] != "ok")
    quick = mynah(tmp_path, "doctor", "--quick", "--expect-trainer")
    assert quick.returncode == 1
    assert "trainer" in quick.stdout


def test_a_home_that_can_not_be_written_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = mynah(tmp_path / "file" / "home", "doctor")
    assert result.returncode == 1
    assert "MYNAH_HOME" in result.stdout
    assert "Traceback" not in result.stderr


@pytest.mark.slow
def test_sigterm_ends_run_and_its_trainer(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "run"],
        cwd=ROOT,
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        assert b"trainer is running" in process.stdout.readline()
        deadline = time.monotonic() + 30
        while not (trainers := psutil.Process(process.pid).children()) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(1)
        process.terminate()
        process.wait(20)
    assert process.returncode == 0
    assert trainers
    assert not any(trainer.is_running() for trainer in trainers)


@pytest.mark.slow
def test_ctrl_c_ends_the_waiting_and_not_the_training(tmp_path: Path, posts_file: Path) -> None:
    assert mynah(tmp_path, "import", str(posts_file)).returncode == 0
    with subprocess.Popen(
        [sys.executable, "-m", "bot", "train", "keeper", "--base", str(tiny_base(tmp_path / "base"))],
        cwd=ROOT,
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as waiting:
        deadline = time.monotonic() + 200
        while not (trainers := psutil.Process(waiting.pid).children()) and time.monotonic() < deadline:
            time.sleep(0.05)
        waiting.send_signal(signal.SIGINT)
        said = waiting.communicate(timeout=60)[1].decode()
    assert waiting.returncode == 130
    assert "goes on in the background" in said
    while (
        not (runs := printed(mynah(tmp_path, "runs", "--json")))[0]["finished_at"] and time.monotonic() < deadline
    ):
        time.sleep(0.5)
    assert [run["state"] for run in runs] == ["done"]
    assert trainers


def test_the_chat_ends_at_ctrl_c_without_waiting_for_enter(tmp_path: Path) -> None:
    full_voice(tmp_path / "voices" / "key")
    program = (
        "import asyncio, sys; from pathlib import Path; from rich.console import Console; "
        "from bot.fronts.terminal import TerminalFront; from trainer.voice import Voice; "
        "asyncio.run(TerminalFront(Console(), None, Voice.from_folder(Path(sys.argv[1]))).chat())"
    )
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "voices" / "key")],
        cwd=ROOT,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as chat:
        assert chat.stdout is not None
        while b"leaves" not in (line := chat.stdout.readline()):
            assert line
        time.sleep(0.5)
        chat.send_signal(signal.SIGINT)
        try:
            chat.wait(10)
        finally:
            chat.kill()
    for descriptor in (ours, theirs):
        os.close(descriptor)
