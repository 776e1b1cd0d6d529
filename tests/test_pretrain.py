"""A base from text files: small, complete, resumable, and no document of the held-out part is learned from."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy
import pytest
import zstandard
from typer.testing import CliRunner

from bot.cli import app
from data.errors import InputError
from tests.posts import texts
from tests.tiny_voices import tiny_base
from trainer.base_text import Stream, TextSource, documents, encode, train_tokenizer
from trainer.bases import resolve_base
from trainer.pretrain import PretrainPlan, PretrainProgress, pretrain, rate_at

pytestmark = pytest.mark.slow


@pytest.fixture
def plan(tmp_path: Path) -> PretrainPlan:
    posts = tmp_path / "posts.jsonl.zst"
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts(1500))
    posts.write_bytes(zstandard.ZstdCompressor().compress(lines.encode()))
    prose = tmp_path / "prose.txt"
    prose.write_text(
        "\n\n".join(f"{one} {two}\n{one}" for one, two in zip(texts(1500, 1), texts(1500, 2), strict=True))
    )
    return PretrainPlan(
        sources=(TextSource(posts, 0.4), TextSource(posts, 0.2, with_topics=True), TextSource(prose, 0.4)),
        minutes=0.05,
        layers=1,
        width=32,
        heads=2,
        block_size=32,
        vocabulary=400,
        warmup_steps=5,
    )


def test_a_base_is_made_and_can_be_tuned_from(plan: PretrainPlan, tmp_path: Path) -> None:
    folder = pretrain(plan, tmp_path / "out", lambda sentence, share: None)
    base = resolve_base(str(folder))
    assert base.context == 32
    assert json.loads((folder / "config.json").read_text())["takes_topics"] is True
    record = json.loads((folder / "pretraining.json").read_text())
    assert record["parameters"] == base.parameters
    # 8 bits would be no model at all; a few seconds on a few words do better.
    assert record["held_out_bits_per_byte"]["posts"] < 5
    card = (folder / "README.md").read_text()
    assert f"{record['parameters']:,} parameters" in card
    assert "| posts | 40% |" in card
    assert "| posts on topics | 20% |" in card


def test_a_stopped_pretraining_goes_on(plan: PretrainPlan, tmp_path: Path) -> None:
    class Stopped(BaseException):
        pass

    sentences: list[str] = []

    def stop(sentence: str, share: float) -> None:
        sentences.append(sentence)
        if share > 0.5:
            raise Stopped

    quick = replace(plan, checkpoint_seconds=0.0)
    with pytest.raises(Stopped):
        pretrain(quick, tmp_path / "out", stop)
    reached = max(int(s.split()[1].strip(",")) for s in sentences if s.startswith("step"))
    seen: list[str] = []
    pretrain(quick, tmp_path / "out", lambda sentence, share: seen.append(sentence))
    steps = [int(s.split()[1].strip(",")) for s in seen if s.startswith("step")]
    assert "training the tokenizer" not in seen
    assert steps[0] >= reached


def test_a_base_reads_more(plan: PretrainPlan, tmp_path: Path) -> None:
    first = resolve_base(str(pretrain(plan, tmp_path / "out", lambda sentence, share: None)))
    more = replace(plan.going_on_from(first), minutes=0.02, seed=1)
    folder = pretrain(more, tmp_path / "more", lambda sentence, share: None)
    second = resolve_base(str(folder))
    assert (second.parameters, second.context, second.width) == (first.parameters, 32, 32)
    assert (folder / "tokenizer.json").read_bytes() == (first.folder / "tokenizer.json").read_bytes()
    record = json.loads((folder / "pretraining.json").read_text())
    before = json.loads((first.folder / "pretraining.json").read_text())
    assert record["before"] == {"base": first.name, **before}
    begun, ended = record["curve"][0]["posts"], record["held_out_bits_per_byte"]["posts"]
    # It begins where the first one ended, but for the weights' half precision, and gets better.
    assert begun == pytest.approx(before["held_out_bits_per_byte"]["posts"], abs=0.01)
    assert ended < begun
    assert f"which had seen {before['tokens_seen']:,} tokens" in (folder / "README.md").read_text()


def test_the_command_shows_its_curve_also_in_a_pipe(plan: PretrainPlan, tmp_path: Path) -> None:
    start, posts = tiny_base(tmp_path / "base"), plan.sources[0].path
    words = f"pretrain {tmp_path / 'out'} --from {start} --posts {posts} --minutes 0.02 --learning-rate 0.001"
    shown = CliRunner().invoke(app, words.split(), env={"COLUMNS": "160"})
    assert shown.exit_code == 0, shown.output
    curve = json.loads((tmp_path / "out" / "base" / "pretraining.json").read_text())["curve"]
    points = re.findall(r"bits per byte of held-out text: posts ([\d.]+), posts on topics ([\d.]+)", shown.output)
    assert [(float(a), float(b)) for a, b in points] == [
        (pytest.approx(point["posts"], abs=6e-4), pytest.approx(point["posts on topics"], abs=6e-4))
        for point in curve
    ]
    assert len(curve) > 1
    assert "learning rate 0.001" in (tmp_path / "out" / "base" / "README.md").read_text()


def test_a_run_is_not_mixed_with_one_of_another_base(plan: PretrainPlan, tmp_path: Path) -> None:
    pretrain(plan, tmp_path / "out", lambda sentence, share: None)
    other = resolve_base(str(tiny_base(tmp_path / "other")))
    with pytest.raises(InputError, match="holds a run of another base, other texts or sizes"):
        pretrain(plan.going_on_from(other), tmp_path / "out", lambda sentence, share: None)
    own = resolve_base(str(tmp_path / "out" / "base"))
    with pytest.raises(InputError, match="name another folder"):
        pretrain(plan.going_on_from(own), tmp_path / "out", lambda sentence, share: None)
    with pytest.raises(InputError, match="name another folder"):
        pretrain(replace(plan, sources=plan.sources[:2]), tmp_path / "out", lambda sentence, share: None)


def test_two_texts_of_one_name_are_refused_at_once(plan: PretrainPlan, tmp_path: Path) -> None:
    (tmp_path / "posts.txt").write_text("\n\n".join(texts(1500)))
    double = replace(plan, sources=(*plan.sources, TextSource(tmp_path / "posts.txt", 0.1)))
    with pytest.raises(InputError, match="Two of the texts have the same name"):
        pretrain(double, tmp_path / "out", lambda sentence, share: None)
    assert not (tmp_path / "out").exists()


def test_half_a_character_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "fog \\ud83d tonight"}\n')
    assert list(documents(tmp_path / "a.jsonl")) == ["fog ? tonight"]


def test_the_rate_of_a_wider_base_is_lower(plan: PretrainPlan, tmp_path: Path) -> None:
    base = resolve_base(str(tiny_base(tmp_path / "base")))
    rates = [plan.going_on_from(replace(base, width=width)).learning_rate for width in (256, 768)]
    assert rates == pytest.approx([2e-3, 2e-3 / 3])


def test_every_window_is_read_once_in_an_epoch() -> None:
    stream = Stream(numpy.arange(1000), numpy.ones(1000))
    count = 1000 // 32 - 1
    for epoch in range(2):
        windows = [stream.window(number, 32, seed=4)[0] for number in range(epoch * count, (epoch + 1) * count)]
        assert all(len(window) == 32 for window in windows)
        assert len({int(token) for window in windows for token in window}) == count * 32
    firsts = [
        [int(stream.window(number + epoch * count, 32, 4)[0][0]) for number in range(count)] for epoch in (0, 1)
    ]
    assert sorted(firsts[0]) != firsts[0]
    assert sorted(firsts[0]) != sorted(firsts[1])


def test_what_a_post_is_about_is_given_and_not_learned(plan: PretrainPlan, tmp_path: Path) -> None:
    tokenizer = train_tokenizer(iter(texts(500)), 400)
    encoded = encode(plan.sources[1], tokenizer, tmp_path, 32)
    ends = numpy.flatnonzero(encoded.learn.tokens == 0)
    documents_there = numpy.split(numpy.arange(len(encoded.learn.tokens)), ends + 1)[1:-1]
    assert len(documents_there) > 1000
    for places in documents_there:
        given, learned = (
            tokenizer.decode(encoded.learn.tokens[places[encoded.learn.learned[places] == side]])
            for side in (0, 1)
        )
        assert given.startswith(" ")
        assert given.endswith("\n")
        assert 1 <= len(given.split()) <= 3
        assert {word.lower() for word in given.split()} <= set(re.findall(r"[\w']+", learned.lower()))
        assert "\n" not in learned
    # A resumed run reads the same back.
    again = encode(plan.sources[1], tokenizer, tmp_path, 32)
    assert (again.learn.tokens == encoded.learn.tokens).all()
    assert (again.learn.learned == encoded.learn.learned).all()


def test_books_are_cut_into_paragraphs_and_white_space_is_joined(tmp_path: Path) -> None:
    book = tmp_path / "book.txt"
    book.write_text(
        "I\n\nIt was a dark\nand  foggy night at the lamp.\n\nShort\n\nThe gull had seen it all before."
    )
    assert list(documents(book)) == [
        "It was a dark and foggy night at the lamp.",
        "The gull had seen it all before.",
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", b"{\n"),
        ("a.jsonl", b'{"body": "x"}\n'),
        ("a.jsonl", b'{"text": null}\n'),
        ("a.txt", b"\xff\xfe\x00"),
        ("a.jsonl.zst", b"no zstd"),
    ],
)
def test_a_file_that_is_no_text_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name}' can't be read as text"):
        list(documents(tmp_path / name))


def test_too_little_text_is_said(plan: PretrainPlan, tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text("Fog at the lamp tonight, and no gull.")
    short = replace(plan, sources=(TextSource(tmp_path / "short.txt", 1.0),))
    with pytest.raises(InputError, match="too short: at least 3,200 tokens"):
        pretrain(short, tmp_path / "out", lambda sentence, share: None)


def test_the_rate_warms_up_stays_and_falls() -> None:
    plan = PretrainPlan((), minutes=1, warmup_steps=10, cooldown_share=0.5, learning_rate=1.0)
    rates = [
        rate_at(plan, PretrainProgress(step, seconds)) for step, seconds in ((0, 0), (50, 20), (90, 45), (99, 60))
    ]
    assert rates == pytest.approx([0.1, 1.0, 0.5, 0.0])
