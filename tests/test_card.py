"""Model cards: all that the reference's cards told, and what they lacked; any name comes out as it is written."""

import asyncio
import re
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from typer.testing import CliRunner

from bot.cli import app
from bot.exporting import export_apart
from data.posts import voice_name
from data.settings import Settings
from data.store import open_store
from tests.tiny_voices import full_voice
from trainer.card import SOURCES, CardFacts, Person, model_card
from trainer.card_text import visible, written
from trainer.learned import Learned
from trainer.recipe import Recipe
from trainer.voice import Voice, VoiceRecord

SEEDS = Path(__file__).parents[2] / "shared" / "seeds"  # the reference's published cards, where they are at hand
EXAMPLES = tuple(f"My dream is number {seed}." for seed in range(10))


def learned(handle: str, downloaded: int, retweets: int, short: int, kept: int, **more: Any) -> Learned:
    values: dict[str, Any] = {
        "handle": handle,
        "downloaded": downloaded,
        "retweets": retweets,
        "short": short,
        "kept": kept,
        "short_by_reason": {"short": short},
        "characters": 70 * kept,
        "digest": "d" * 64,
        "languages": {"en": kept},
        "sources": ("x-archive",),
        "consent": ("the owner, who brought the file",),
        "may_publish": True,
    }
    return Learned(**{**values, **more})


def voice_of(*shares: Learned, **more: Any) -> Voice:
    """A voice that is only a record: a card needs nothing else."""
    values: dict[str, Any] = {
        "key": "key",
        "handles": tuple(sorted(share.handle for share in shares)),
        "base": "gpt2",
        "base_folder": "/models/gpt2",
        "method": "full",
        "recipe": Recipe.for_base(124_000_000, "reference"),
        "held_out_loss_before": 4.0,
        "held_out_loss": 3.5,
        "posts": sum(share.kept for share in shares),
        "seconds": 200.0,
        "created_at": "2026-11-02T10:00:00+00:00",
        "learned": shares,
        "examples": EXAMPLES,
        "copy_rate": 0.025,
    }
    return Voice(VoiceRecord(**{**values, **more}), Path("nowhere"))


class _Page(HTMLParser):
    """A rendered card: its tags with their attributes, its tables as rows of cells, its headings, its text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[list[list[str]]] = []
        self.headings: list[str] = []
        self.links_below: dict[str, list[str]] = {"": []}  # by heading
        self.parts: list[str] = []
        self._open: list[str] = []
        self.feed(html)

    @property
    def text(self) -> str:
        return " ".join("".join(self.parts).split())

    @property
    def links(self) -> list[str]:
        return [attributes.get("href") or "" for tag, attributes in self.tags if tag == "a"]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)
        if tag == "a":
            self.links_below[self.headings[-1] if self.headings else ""].append(dict(attrs)["href"] or "")
        elif tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        elif tag == "h2":
            self.headings.append("")
        elif tag == "br":
            self.handle_data("\n")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        self.parts.append(data)
        if {"td", "th"} & set(self._open):
            self.tables[-1][-1][-1] += data
        elif "h2" in self._open:
            self.headings[-1] += data
            self.links_below[self.headings[-1]] = []


def rendered(card: str) -> _Page:
    """As hubs show it: CommonMark with tables and strikethrough, HTML let through."""
    markdown = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return _Page(markdown.render(ModelCard(card).text))


@dataclass(frozen=True)
class Point:
    """What a card tells, whoever wrote it."""

    languages: frozenset[str]
    huggingtweets: bool
    widget: list[dict[str, str]]
    thumbnail: str
    headings: list[str]
    kind: str
    pictures: list[str]
    handles: frozenset[str]  # of the line below the names
    rows: dict[str, list[int]]
    explores: str  # where the data can be looked at
    runs: set[str]  # where the training can
    final_model: bool  # whether it says where that is kept
    base: str
    base_of_limits: str
    credited: set[str]  # whose work it goes back to
    task: str
    repo: str
    opening: str
    sequences: int


HEADINGS = (
    "How does it work?",
    "Training data",
    "Training procedure",
    "How to use",
    "Limitations and bias",
    "About",
)


def points(card: str) -> Point:
    """Reads the reference's cards and ours."""
    data = ModelCard(card).data.to_dict()
    page = rendered(card)
    language = data.get("language", [])
    head = page.text.split("How does it work?")[0]
    code = card.split("```python")[1].split("```")[0]
    quoted = re.findall(r"""(['"])(.*?)\1""", code)
    table = next(table for table in page.tables if table[0][0] == "Data")
    pictures = [attributes.get("src") or "" for tag, attributes in page.tags if tag == "img"]
    for tag, attributes in page.tags:
        style = attributes.get("style") or ""
        if tag == "div" and "display:none" not in style:
            pictures += re.findall(r"url\('([^']+)'\)", style)
    named = re.search(r"(@[\w-]+(?: \+ @\w+)*)(?: bot)?\s+(?:This is|I was)", head)
    assert named
    return Point(
        languages=frozenset([language] if isinstance(language, str) else language),
        huggingtweets="huggingtweets" in data["tags"],
        widget=data["widget"],
        thumbnail=data.get("thumbnail", ""),
        headings=[heading for heading in page.headings if heading in HEADINGS],
        kind="cyborg" if "cyborg" in head.lower() else "bot" if re.search(r"\bAI bot\b", head, re.I) else "",
        pictures=[picture for picture in pictures if "profile_images" in picture],
        handles=frozenset(re.findall(r"\w+", named[1])),
        rows={
            row[0].replace("Tweets", "Posts").replace(" tweets", " posts"): [int(cell) for cell in row[1:]]
            for row in table[1:]
        },
        explores=next(link for link in page.links if link.endswith("/artifacts")),
        runs={link for link in page.links if re.search(r"/runs/\w+$", link)},
        final_model="the final model" in section(page, "Training procedure"),
        base=next(link for link in page.links_below["Training procedure"] if "huggingface.co" in link),
        base_of_limits=page.links_below["Limitations and bias"][0].partition("#")[0],
        credited=set(re.findall("Boris Dayma|github.com/borisdayma/huggingtweets(?=[)])", card)),
        task=quoted[0][1],
        repo=quoted[1][1],
        opening=quoted[2][1],
        sequences=int(re.findall(r"num_return_sequences=(\d+)", code)[0]),
    )


@dataclass(frozen=True)
class Seed:
    """One of the reference's cards in figures."""

    file: str
    people: list[tuple[str, str]]  # handle, name
    counts: list[tuple[int, int, int, int]]  # downloaded, retweets, short, kept


SEED_CARDS = [
    Seed(
        "000_263027454455d130.txt",
        [("snackmerritt", 'Jack "Knows Nothing About Politics" Merritt🗳🍦')],
        [(3244, 388, 548, 2308)],
    ),
    Seed(
        "001_766547c08294c84f.txt",
        [("laceyjames814", "𝓖𝓸𝓭𝓭𝓮𝓼𝓼 𝓛𝓪𝓬𝓮𝔂")],  # noqa: RUF001 - written so
        [(440, 23, 21, 396)],
    ),
    Seed("002_e05f6c1937751540.txt", [("mcintweet", "Michael McIntyre")], [(1196, 138, 34, 1024)]),
    Seed("003_4e8466b839a659ec.txt", [("poly_metis", "«Sam•Forsythe»")], [(3202, 553, 276, 2373)]),
    Seed(
        "004_9b12bc571efdbf5e.txt",
        [
            ("coffee__burger", "Coffee Burger"),
            ("berniesanders", "Bernie Sanders"),
            ("sensanders", "Bernie Sanders"),
        ],
        [(2471, 525, 337, 1609), (3249, 296, 5, 2948), (3250, 429, 10, 2811)],
    ),
]
RUN = "https://tracker.example/runs/"


def card_of(
    seed: Seed,
    thumbnail: str = "https://hub.example/picture.png",
    data: str = RUN + "1abc/artifacts",
    run: str = RUN + "2def",
) -> str:
    """Our card of the same people and posts."""
    handles = sorted(handle for handle, _ in seed.people)
    return model_card(
        voice_of(
            *(learned(handle, *counts) for (handle, _), counts in zip(seed.people, seed.counts, strict=True)),
            tracked={"preprocess": data, "train": run},
        ),
        repo="huggingtweets/" + "-".join(handles),
        picture=thumbnail,
        people=[
            Person(handle, name, f"https://pictures.example/profile_images/{handle}.jpg")
            for handle, name in seed.people
        ],
    )


class TestTheReferencesCards:
    @pytest.mark.parametrize("seed", SEED_CARDS, ids=lambda seed: seed.people[0][0])
    def test_ours_tells_all_that_the_reference_told(self, seed: Seed) -> None:
        told = points(card_of(seed))
        assert told == Point(
            languages=frozenset({"en"}),
            huggingtweets=True,
            widget=[{"text": "My dream is"}],
            thumbnail="https://hub.example/picture.png",
            headings=list(HEADINGS),
            kind="bot" if len(seed.people) == 1 else "cyborg",
            pictures=[f"https://pictures.example/profile_images/{handle}.jpg" for handle, _ in seed.people],
            handles=frozenset(handle for handle, _ in seed.people),
            rows={
                row: [counts[place] for counts in seed.counts]
                for place, row in enumerate(("Posts downloaded", "Retweets", "Short posts", "Posts kept"))
            },
            explores=RUN + "1abc/artifacts",
            runs={RUN + "2def"},
            final_model=True,
            base="https://huggingface.co/gpt2",
            base_of_limits="https://huggingface.co/gpt2",
            credited={"Boris Dayma", "github.com/borisdayma/huggingtweets"},
            task="text-generation",
            repo="huggingtweets/" + "-".join(sorted(handle for handle, _ in seed.people)),
            opening="My dream is",
            sequences=5,
        )
        for counts in seed.counts:
            assert counts[0] - counts[1] - counts[2] == counts[3]

    @pytest.mark.parametrize("seed", SEED_CARDS, ids=lambda seed: seed.people[0][0])
    def test_names_stand_in_order_above_and_over_the_columns(self, seed: Seed) -> None:
        page = rendered(card_of(seed))
        table = next(table for table in page.tables if table[0][0] == "Data")
        assert table[0][1:] == [f"{name}\n@{handle}" for handle, name in seed.people]
        head = page.text.split("This is an AI parody")[0]
        assert " & ".join(name for _, name in seed.people) in head
        assert head.endswith(" + ".join(f"@{handle}" for handle, _ in seed.people) + " ")

    @pytest.mark.skipif(not SEEDS.is_dir(), reason="the reference's cards are not on this machine")
    @pytest.mark.parametrize("seed", SEED_CARDS, ids=lambda seed: seed.people[0][0])
    def test_they_agree_with_the_published_cards_point_by_point(self, seed: Seed) -> None:
        published = (SEEDS / seed.file).read_text(encoding="utf-8")
        theirs = points(published)
        names = self._names(published)
        people = [(handle, name) for (handle, _), name in zip(seed.people, names, strict=True)]
        card = card_of(
            replace(seed, people=people),
            thumbnail=theirs.thumbnail,
            data=theirs.explores,
            run=next(iter(theirs.runs)),
        )
        ours = points(card)
        assert " & ".join(names) in rendered(card).text
        assert len(ours.pictures) == len(theirs.pictures) == len(seed.people)
        assert replace(ours, pictures=theirs.pictures) == theirs

    def _names(self, published: str) -> list[str]:
        """What stands in bold above the handles, garbled as it is."""
        bold = re.findall(r"font-weight: 800\">(.*?)</div>", published)[-1]
        return [" ".join(name.split()) for name in bold.split(" & ")]


# Characters that mean something to Markdown, HTML or YAML, that can't be seen, or that turn the line around.
ODD = st.text(
    st.one_of(
        st.sampled_from("|\\`*_#[]()<>&\"'~$^{}!:;@-+=.,/%1 \n\t\r\x85\u2028\0\x1b\u202e\u2066\u200d\ufeff---"),
        st.sampled_from("aB🐦👩‍👩‍👧الع東京é\u0301"),
        st.characters(),
    ),
    max_size=40,
) | st.sampled_from(
    [
        "</div><script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        '" onload="alert(1)',
        "[click](javascript:alert(1))",
        "![x](http://x.example/y.png)",
        "https://x.example/?a=1&copy=2",
        "www.x.example and me@x.example",
        "a | b | c",
        "`a | b`",
        "\\",
        "ends in a backslash\\",
        "&lt;b&gt; &#124; &amp;",
        "---\nlanguage: xx\n---",
        "# Heading\n\n1. one\n- two",
        "_a_ __b__ *c* ~~d~~ $e$ :bird:",
        "{{ 7 * 7 }}{% raw %}",
        "علي \u202eevil",
    ]
)


class TestAnyText:
    @given(name=ODD, other=ODD, said=ODD, consent=ODD, place=ODD, contact=ODD)
    @settings(max_examples=40, deadline=None)
    def test_it_comes_out_as_text_and_nothing_else(
        self, name: str, other: str, said: str, consent: str, place: str, contact: str
    ) -> None:
        def page(name: str, other: str, said: str, consent: str, place: str, contact: str) -> _Page:
            shares = (
                learned("ada", 9, 1, 2, 6, consent=(consent,), sources=(place,)),
                learned("bo__x_", 5, 1, 1, 3),
            )
            voice = voice_of(
                *shares, examples=(said, "fine"), tracked={"train": f"at {place}"}, base="/m/" + place
            )
            people = (Person("ada", name), Person("bo__x_", other))
            return rendered(model_card(voice, people=people, contact=contact))

        plain = ["Name" if visible(text) else "" for text in (name, other, said, consent, place, contact)]
        odd, harmless = page(name, other, said, consent, place, contact), page(*plain)
        assert odd.tags == harmless.tags
        assert odd.headings == harmless.headings
        assert [[len(row) for row in table] for table in odd.tables] == [
            [len(row) for row in table] for table in harmless.tables
        ]
        named = [f"{visible(text)}\n@{handle}".strip() for handle, text in (("ada", name), ("bo__x_", other))]
        data, provenance, samples = odd.tables[0], odd.tables[1], odd.tables[-1]
        assert data[0] == ["Data", *named]
        assert provenance[1][1:3] == [SOURCES.get(visible(place), visible(place)), visible(consent)]
        assert [row[1] for row in samples] == ["What it said", visible(said), "fine"]
        assert visible(contact) in odd.text

    @given(picture=ODD, repo=ODD, base=ODD)
    @settings(max_examples=25, deadline=None)
    def test_metadata_and_addresses_hold_whatever_they_are_given(self, picture: str, repo: str, base: str) -> None:
        voice = voice_of(learned("ada", 9, 1, 2, 6), base=base, tracked={"train": f"https://x.example/{picture}"})
        text = model_card(voice, repo=repo, picture=picture, people=(Person("ada", "Ada", picture),))
        card = ModelCard(text)
        data = card.data.to_dict()
        assert data.get("thumbnail", "") == visible(picture)
        assert data["widget"] == [{"text": "My dream is"}]
        assert ModelCard(str(card)).data.to_dict() == data
        assert yaml.safe_load(card.data.to_yaml()) == data
        page = rendered(text)
        assert page.headings[-1] == "About"
        assert not any("onerror" in attributes or "onload" in attributes for _, attributes in page.tags)
        compile(text.split("```python\n")[1].split("\n```\n")[0], "card", "exec")

    @pytest.mark.parametrize(
        ("text", "stands"),
        [
            ("Ann-Marie O'Neill: 3.5 🐦 (really)", "Ann-Marie O'Neill: 3.5 🐦 (really)"),
            ("@coffee__burger and a_b", "@coffee__burger and a_b"),
            ("_a_ __b__", "&#95;a&#95; &#95;&#95;b&#95;&#95;"),
            (
                "https://x.example me@x.example",
                "https&#58;//x.example me&#64;x.example",
            ),  # nor may hubs make links
            ("www.x.example :bird:", "www&#46;x.example &#58;bird:"),
        ],
    )
    def test_readable_text_stays_readable(self, text: str, stands: str) -> None:
        assert written(text) == stands

    @pytest.mark.parametrize(
        ("person", "initials"),
        [
            (Person("x", "Jo van Ray"), "JR"),
            (Person("jo_ray"), "JR"),
            (Person("keeper"), "K"),
            (Person("x", "東京 灯台"), "東灯"),
            (Person("keeper", "🐦🐦"), "K"),
            (Person("_"), "?"),
        ],
    )
    def test_initials_stand_where_there_is_no_picture(self, person: Person, initials: str) -> None:
        assert person.initials == initials
        page = rendered(model_card(voice_of(learned(person.handle, 9, 1, 2, 6)), people=(person,)))
        assert not [tag for tag, _ in page.tags if tag == "img"]
        assert page.text.startswith(initials)


def section(page: _Page, heading: str) -> str:
    """The text below a heading, up to the next one."""
    after = page.text.split(f" {heading} ", 1)[1]
    place = page.headings.index(heading) + 1
    return after.split(f" {page.headings[place]} ", 1)[0] if place < len(page.headings) else after


class TestWhatTheReferenceLacked:
    def test_losses_copy_rate_samples_and_the_blind_test(self) -> None:
        page = rendered(model_card(voice_of(learned("ada", 9, 1, 2, 6)), blind_test=(12, 20)))
        losses = next(table for table in page.tables if table[0][0] == "Measure")
        assert losses[1:] == [
            ["Held-out loss, nats per token", "4.000", "3.500"],
            ["Held-out perplexity", "54.6", "33.1"],
        ]
        told = section(page, "How well it learned")
        assert "Of 40 posts that it wrote unasked, 2.5% copied one" in told
        assert "12 of 20 votes (60%) found the real one" in told
        samples = page.tables[-1][1:]
        assert samples == [[str(seed), text] for seed, text in enumerate(EXAMPLES)]

    def test_what_these_weights_alone_do_not_do_is_said(self) -> None:
        share = learned("ada", 9, 1, 2, 6)
        words = (
            "Look back",
            "25 % of what it foresees",
            "of the model alone",
            "what is kept beside it",
            "looking back at",
        )
        quality = {"bits_per_byte": 1.5}
        for card, said in (
            (model_card(voice_of(share, neighbours_share=0.25, quality=quality)), True),
            (model_card(voice_of(share, quality=quality)), False),
        ):
            text = " ".join(card.split())
            assert {word: word in text for word in words} == dict.fromkeys(words, said)
            assert ("7. **Speak.**" in text) == said

    def test_without_votes_no_blind_test_is_claimed(self) -> None:
        for votes in (None, (0, 0)):
            page = rendered(model_card(voice_of(learned("ada", 9, 1, 2, 6)), blind_test=votes))
            assert "No blind test" in section(page, "How well it learned")

    def test_provenance_and_consent_of_each_person(self) -> None:
        voice = voice_of(
            learned("ada", 9, 1, 2, 6, sources=("x-archive", "csv"), consent=("Ada herself", "her brother")),
            learned("bo", 5, 1, 1, 3, sources=("bluesky",), may_publish=False, languages={"de": 2, "en": 1}),
            handles=("ada", "bo", "cy"),
        )
        page = rendered(model_card(voice))
        table = next(table for table in page.tables if table[0][0] == "Handle")
        assert table[1:] == [
            [
                "@ada",
                "the archive that X gives its users; a table of posts",
                "Ada herself; her brother",
                "yes",
                "en 6",
            ],
            ["@bo", "Bluesky's public API", "the owner, who brought the file", "no", "de 2, en 1"],
            ["@cy", "not recorded", "not recorded", "no", "not recorded"],
        ]
        assert "https://x.com/ada" in page.links
        assert "https://bsky.app/profile/bo" in page.links
        data = next(table for table in page.tables if table[0][0] == "Data")
        assert data[1] == ["Posts downloaded", "9", "5", "not recorded"]

    def test_why_posts_were_left_out(self) -> None:
        share = learned("ada", 40, 1, 19, 20, short_by_reason={"short": 9, "cut": 1, "private": 2, "repeated": 7})
        told = section(rendered(model_card(voice_of(share))), "Training data")
        assert "too few words 9, cut off 1, private data 2, said before 7." in told

    def test_it_says_that_it_is_an_ai_before_all_else(self) -> None:
        page = rendered(model_card(voice_of(learned("ada", 9, 1, 2, 6), learned("bo", 5, 1, 1, 3))))
        head = page.text.split("How does it work?")[0]
        assert "AI cyborg" in head
        assert "This is an AI parody, not @ada and @bo. Whatever it says is made up by a machine" in head

    def test_how_it_works_says_what_was_done_with_these_posts(self) -> None:
        ada, bo = learned("ada", 9, 1, 2, 6), learned("bo", 5, 1, 1, 3)
        one = rendered(model_card(voice_of(ada)))
        assert "This is an AI parody, not @ada. Whatever" in one.text
        assert "posts that say too little go. Hold out." in section(one, "How does it work?")
        assert "learns from the rest. Check." in section(one, "How does it work?")
        two = section(rendered(model_card(voice_of(ada, bo, recipe=Recipe()))), "How does it work?")
        assert "go, and so do repeats, private data and other people's names. Hold out." in two
        assert "learns from the rest, as much from each of the 2 people. Check." in two

    def test_of_many_languages_the_three_most_frequent_are_told(self) -> None:
        share = learned("ada", 9, 1, 2, 6, languages={"en": 4, "de": 3, "fr": 2, "pt": 1})
        page = rendered(model_card(voice_of(share)))
        table = next(table for table in page.tables if table[0][0] == "Handle")
        assert table[1][-1] == "en 4, de 3, fr 2"

    def test_a_name_that_shows_nothing_is_none_and_a_given_page_is_the_one_linked(self) -> None:
        person = Person("ada", "\u202e\u2066", page="https://ada.example/")
        page = rendered(model_card(voice_of(learned("ada", 9, 1, 2, 6)), people=(person,)))
        assert page.tables[0][0] == ["Data", "@ada"]
        assert "AI bot 🤖 @ada @ada" in page.text
        assert "https://ada.example/" in page.links
        assert "https://x.com/ada" not in page.links

    def test_a_name_written_from_the_right_moves_no_other(self) -> None:
        people = (Person("ada", "علي"), Person("bo", "חנה"))
        card = model_card(voice_of(learned("ada", 9, 1, 2, 6), learned("bo", 5, 1, 1, 3)), people=people)
        assert "<bdi>علي</bdi> &amp; <bdi>חנה</bdi>" in card

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ({"contact": "write to ada@example.org"}, "get in touch: write to ada@example.org."),
            ({"repo": "bird/ada"}, "open a discussion in this repository."),
            ({}, "ask whoever gave it to you."),
        ],
    )
    def test_how_to_have_it_removed(self, given: dict[str, str], told: str) -> None:
        removal = section(rendered(model_card(voice_of(learned("ada", 9, 1, 2, 6)), **given)), "Removal")
        assert told in removal
        assert "mynah forget HANDLE" in removal
        assert "mynah optout HANDLE" in removal

    def test_hyperparameters(self) -> None:
        share = learned("ada", 9, 1, 2, 6)
        full = CardFacts.from_record(voice_of(share).record).hyperparameters
        assert full["Method"] == "full fine-tuning"
        assert full["Learning rate"] == "0.0001372, cosine to zero"
        assert (full["Epochs, at most"], full["Tokens a block"], full["Blocks a batch"]) == (4, 1024, 1)
        voice = voice_of(share, method="lora", recipe=Recipe.for_base(124_000_000))
        page = rendered(model_card(voice))
        table = next(table for table in page.tables if table[0][0] == "Hyperparameter")
        assert table[1] == ["Method", "LoRA, rank 8, alpha 16"]
        assert ["Learning rate", "0.001, 5% of the steps to warm up, then cosine to zero"] in table
        assert "low-rank adapter" in section(page, "Training procedure")
        assert (full["Stops early"], dict(table[1:])["Stops early"]) == (
            "never",
            "after 3 evaluations without a better held-out loss",
        )


class TestMetadata:
    def data(self, voice: Voice, **more: Any) -> dict[str, Any]:
        found: dict[str, Any] = ModelCard(model_card(voice, **more)).data.to_dict()
        return found

    def test_everything_a_hub_asks_for(self) -> None:
        voice = voice_of(learned("ada", 9, 1, 2, 6))
        assert self.data(voice, repo="bird/ada", picture="https://hub.example/p.png") == {
            "base_model": "gpt2",
            "language": ["en"],
            "library_name": "transformers",
            "license": "other",
            "pipeline_tag": "text-generation",
            "tags": ["huggingtweets", "mynah", "gpt2", "bot"],
            "thumbnail": "https://hub.example/p.png",
            "widget": [{"text": "My dream is"}],
            "inference": {
                "parameters": {"do_sample": True, "temperature": 1.0, "top_p": 0.95, "max_new_tokens": 80}
            },
        }

    def test_a_language_counts_from_a_tenth_on_and_norwegian_is_no_boolean(self) -> None:
        share = learned("ada", 1000, 0, 0, 1000, languages={"no": 801, "de": 100, "fr": 99})
        assert self.data(voice_of(share))["language"] == ["no", "de"]

    def test_in_a_cyborg_each_person_counts_the_same(self) -> None:
        voice = voice_of(
            learned("ada", 3000, 0, 0, 3000, languages={"en": 3000}),
            learned("bo", 100, 0, 0, 100, languages={"pt": 100}),
        )
        assert set(self.data(voice)["language"]) == {"en", "pt"}

    @pytest.mark.parametrize("base", ["builtin", "/home/ada/models/secret-base"])
    def test_a_base_that_no_hub_has_is_told_in_words_without_its_path(self, base: str) -> None:
        voice = voice_of(learned("ada", 9, 1, 2, 6), base=base)
        assert "base_model" not in self.data(voice)
        card = model_card(voice)
        told = section(rendered(card), "Training procedure")
        assert ("built-in base" if base == "builtin" else "secret-base, a GPT-2 from a folder") in told
        assert "/home/ada" not in card

    def test_a_base_of_an_organisation(self) -> None:
        voice = voice_of(learned("ada", 9, 1, 2, 6), base="openai-community/gpt2")
        assert self.data(voice)["base_model"] == "openai-community/gpt2"
        assert "https://huggingface.co/openai-community/gpt2" in rendered(model_card(voice)).links


class TestWhatIsNotKnown:
    def test_a_voice_of_before_these_facts_still_gets_its_card(self) -> None:
        voice = voice_of(handles=("ada", "bo"), posts=900, examples=(), copy_rate=None)
        card = model_card(voice)
        assert "language" not in ModelCard(card).data.to_dict()
        page = rendered(card)
        data = next(table for table in page.tables if table[0][0] == "Data")
        assert data[0] == ["Data", "@ada", "@bo"]
        assert {cell for row in data[1:] for cell in row[1:]} == {"not recorded"}
        assert "900 after cleaning" in section(page, "Training data")
        assert "was not recorded" in section(page, "Provenance and consent")
        assert "copies a post that it learned from was not recorded" in section(page, "How well it learned")
        assert "None were kept" in section(page, "Sample replies")
        assert "The training was not tracked." in section(page, "Training procedure")

    @pytest.mark.parametrize(("before", "after"), [(0.0, 3.5), (4.0, float("nan")), (4.0, float("inf"))])
    def test_losses_that_were_never_measured(self, before: float, after: float) -> None:
        voice = voice_of(learned("ada", 9, 1, 2, 6), held_out_loss_before=before, held_out_loss=after)
        assert "was not recorded" in section(rendered(model_card(voice)), "How well it learned")

    def test_where_a_run_was_tracked_on_this_machine_stays_here(self) -> None:
        tracked = {"preprocess": "mynah track (run @ada-preprocess)", "train": "/home/ada/var/tracking/1"}
        voice = voice_of(learned("ada", 9, 1, 2, 6), tracked=tracked)
        own, pushed = model_card(voice), model_card(voice, repo="bird/ada")
        assert "mynah track (run @ada-preprocess)" in rendered(own).text
        assert "/home/ada/var/tracking/1" in own
        assert "/home/ada" not in pushed
        assert "and not published" in section(rendered(pushed), "Training procedure")

    def test_a_voice_that_was_only_pulled_claims_nothing_of_how_it_was_made(self) -> None:
        voice = voice_of(
            handles=("ada",),
            base="bird/ada",
            posts=0,
            examples=(),
            copy_rate=None,
            held_out_loss_before=0.0,
            held_out_loss=0.0,
        )
        page = rendered(model_card(voice))
        assert "brought as it is from bird/ada." in page.text
        assert "Brought here on 2026-11-02" in section(page, "About")
        assert not {"How does it work?", "Training data", "Training procedure"} & set(page.headings)
        assert page.tables == []


@pytest.fixture
async def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with one voice, of which a round was played."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MYNAH_HOME", str(tmp_path))
    monkeypatch.setenv("MYNAH_DISCORD__CONTACT", "keeper@example.org")
    record = full_voice(tmp_path / "voices" / "key").record
    async with open_store(Settings(home=tmp_path, _env_file=None).database) as store:
        await store.voices.add(
            key="key",
            name=voice_name(record.handles),
            handles=record.handles,
            base=record.base,
            held_out_loss_before=record.held_out_loss_before,
            held_out_loss=record.held_out_loss,
            record=record.to_json(),
        )
        played = await store.game.begin("key", place="here", real="a", made="b", real_first=True)
        await store.game.vote(played.id, "one", right=True)
    return tmp_path


class TestCommand:
    def test_it_prints_the_card_with_the_blind_test_and_the_contact(self, home: Path) -> None:
        shown = CliRunner().invoke(app, ["card", "keeper", "--name", "@Keeper=The [Lamp] Keeper"])
        assert shown.exit_code == 0, shown.output
        page = rendered(shown.stdout)
        assert "1 of 1 votes (100%)" in page.text
        assert "keeper@example.org" in section(page, "Removal")
        assert page.tables[0][0] == ["Data", "The [Lamp] Keeper\n@keeper"]

    @pytest.mark.parametrize("pair", ["The Keeper", "gull=Gull"])
    def test_a_name_of_nobody_is_refused_in_words(self, home: Path, pair: str) -> None:
        refused = CliRunner().invoke(app, ["card", "keeper", "--name", pair])
        assert "keeper=Somebody" in str(refused.exception)

    @pytest.mark.slow
    def test_what_discord_hands_out_holds_the_same_card(self, home: Path, tmp_path: Path) -> None:
        printed = CliRunner().invoke(app, ["card", "keeper"]).stdout
        asyncio.run(export_apart(Settings(home=home, _env_file=None), "key", tmp_path / "exported"))
        card = (tmp_path / "exported" / "README.md").read_text(encoding="utf-8")
        assert card == printed
        assert "1 of 1 votes (100%)" in card
        assert "keeper&#64;example.org" in card
