"""The gates: what may never leave the program, and what harmless texts must pass."""

import re
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.gates import BlockList, Candidate, Gates, Reason, Rejected, judge, speak_mentions, trim
from bot.gates.copies import CopyIndex

POST = "The fog rolled over the harbour wall this morning and ate three gulls."
GATES = Gates(CopyIndex([POST, "I keep the lamp"]), BlockList(["darn", "sea shanty", "霧笛", "🖕"]))


@pytest.mark.parametrize(
    "text",
    [
        "The tide is out, and so is the cat.",
        "Half past 5 @ the pier, bring $5 & a lamp #fog",
        "I love it ❤️ so much! 100%",
        "今日は灯台から船がよく見えます。",
        "Was it 3.5 knots? Yes.It was. Tell.me more…",
        "A darning needle is no bad word; shanties by the sea neither.",
        "no no no, not the gulls",
        "U.S.A. and e.g. this one",
        "Fog!!! So. Much. Fog.",
    ],
)
def test_harmless_texts_pass(text: str) -> None:
    assert GATES.check(text) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.EMPTY),
        ("... 👍 !!", Reason.EMPTY),
        ("hello @keeper my friend", Reason.LIVE_MENTION),
        ("hello (@keeper) my friend", Reason.LIVE_MENTION),
        ("mail me a@b my friend", Reason.LIVE_MENTION),
        ("hello @\ufe0fkeeper my friend", Reason.LIVE_MENTION),
        ("hello @\u0301keeper my friend", Reason.LIVE_MENTION),
        ("hello @\u2474 my friend", Reason.LIVE_MENTION),
        ("hello <@123> my friend", Reason.MARKUP),
        ("hello <@!123> my friend", Reason.MARKUP),
        ("hello <@&123> my friend", Reason.MARKUP),
        ("hello <#123> my friend", Reason.MARKUP),
        ("hello <a:fog:123> my friend", Reason.MARKUP),
        ("hello <t:123:R> my friend", Reason.MARKUP),
        ("hello </say now:123> my friend", Reason.MARKUP),
        ("hello @everyone out there", Reason.EVERYONE),
        ("hello @Here is fog", Reason.EVERYONE),
        ("hello \uff20everyone out there", Reason.HIDDEN_CHARACTERS),
        ("hello \ufe6bkeeper my friend", Reason.HIDDEN_CHARACTERS),
        ("hello @\u200bkeeper my friend", Reason.HIDDEN_CHARACTERS),
        ("hello \u202eereht my friend", Reason.HIDDEN_CHARACTERS),
        ("half a character \ufffd here", Reason.HIDDEN_CHARACTERS),
        ("see https://example.org/x now", Reason.LINK),
        ("see HTTP stuff for now", Reason.LINK),
        ("see \uff48ttps stuff for now", Reason.LINK),
        ("see example.com for now", Reason.LINK),
        ("see example\uff0ecom for now", Reason.LINK),
        ("see example\u3002com for now", Reason.LINK),
        ("see www.example.zz for now", Reason.LINK),
        ("join discord.gg/abc for now", Reason.LINK),
        ("join us at t.me/abc for now", Reason.LINK),
        ("open discord://abc for now", Reason.LINK),
        ("I am buying $FOG today", Reason.CASHTAG),
        ("I am buying \uff04FOG today", Reason.CASHTAG),
        ("very very very very foggy", Reason.REPEATING),
        ("the fog is the fog is the fog is here", Reason.REPEATING),
        ("I do love the fog. I do love the fog.", Reason.REPEATING),
        ("hahahahahahahahahahahaha to the fog", Reason.REPEATING),
        ("船がよく見えます船がよく見えます", Reason.REPEATING),
        ("Darn this fog for good", Reason.BLOCKED),
        ("D\u00e1rn this fog for good", Reason.BLOCKED),
        ("d4rn this fog for good", Reason.BLOCKED),
        ("d\u0430rn this fog for good", Reason.BLOCKED),
        ("daaaarn this fog for good", Reason.BLOCKED),
        ("d.a.r.n this fog for good", Reason.BLOCKED),
        ("we sing a Sea-Shanty in fog", Reason.BLOCKED),
        ("今日も霧笛が鳴ります", Reason.BLOCKED),
        ("for you, dear fog 🖕", Reason.BLOCKED),
        ("i keep THE lamp!", Reason.COPY_EXACT),
        ("Look: the fog rolled over the harbour wall again", None),
        ("Look: the fog rolled over the harbour wall this morning", Reason.COPY_RUN),
        ("A fog rolled over the harbour wall at morning and ate three gulls.", Reason.COPY_NEAR),
    ],
)
def test_each_reason(text: str, reason: Reason | None) -> None:
    assert GATES.check(text) == reason


def test_unfinished_texts_must_end_a_sentence() -> None:
    assert GATES.check("The tide is out. And so is the", finished=False) == Reason.CUT
    assert GATES.check("The tide is out. And so is the", finished=True) is None
    assert GATES.check("The tide is out.", finished=False) is None


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("The tide is out. And so is the", "The tide is out."),
        ('He said "the tide is out!" And so', 'He said "the tide is out!"'),
        ("I met Mr. Gull of the U.S. coast and", None),
        ("Oh no. And then the tide came", None),  # two words are too little
        ("It was a wave of 3.5", None),
        ("The wave was high. It was 3.", "The wave was high."),
        ("船がよく見えます。とても静か", "船がよく見えます。"),
        ("All is well… but is", "All is well…"),
        ("لماذا نسي القط المفتاح؟ ومتى", "لماذا نسي القط المفتاح؟"),
        ("आज समुद्र शांत है। और", "आज समुद्र शांत है।"),
    ],
)
def test_trim_cuts_back_to_the_last_sentence(text: str, whole: str | None) -> None:
    assert trim(text) == whole


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("@user @user: the fog is here", "the fog is here"),
        ("thanks to @user @user, @user for it", "thanks to someone for it"),
        (".@user has a boat, @user's boat", "someone has a boat, someone's boat"),
        ("@users and a@user stay", "@users and a@user stay"),
        ("@user", ""),
        ("霧@userさん", "霧someoneさん"),
    ],
)
def test_the_neutral_mention_is_spoken_as_a_word(text: str, spoken: str) -> None:
    assert speak_mentions(text) == spoken


def test_an_opening_alone_says_nothing() -> None:
    assert GATES.check("My dream is", opening="My dream is ") == Reason.EMPTY
    assert GATES.check("My dream is…", opening="My dream is") == Reason.EMPTY
    assert GATES.check("My dream is fog", opening="My dream is") is None


def why(rejected: list[Rejected]) -> Counter[Reason]:
    return Counter(kept_back.reason for kept_back in rejected)


def test_judge_mends_what_it_can_and_counts_the_rest() -> None:
    passed, rejected = judge(
        [
            Candidate("@user the tide is out for @user today."),
            Candidate("The tide is low. It will come back with the", finished=False),
            Candidate("The tide that never", finished=False),
            Candidate("THE TIDE IS LOW"),
            Candidate("Hello @keeper my friend."),
            Candidate("Hello @mate my friend."),
            Candidate(POST),
        ],
        GATES,
    )
    assert [candidate.text for candidate in passed] == ["the tide is out for someone today.", "The tide is low."]
    assert why(rejected) == Counter(
        {Reason.LIVE_MENTION: 2, Reason.CUT: 1, Reason.REPEATING: 1, Reason.COPY_EXACT: 1}
    )


def test_a_candidate_trimmed_back_into_its_opening_is_rejected() -> None:
    opening = "The tide is low. And I"
    passed, rejected = judge([Candidate(f"{opening} think that", finished=False, opening=opening)], GATES)
    assert not passed
    assert rejected == [Rejected("The tide is low.", Reason.EMPTY)]


def test_block_list_entries_that_hold_nothing_block_nothing() -> None:
    assert not BlockList(["", "  "]).blocks("any text at all")
    assert not BlockList([]).blocks("any text at all")
    assert BlockList(["b00k"]).blocks("a book")


PIECES = st.sampled_from(
    [
        *(
            "@",
            "@user",
            "@x",
            "\uff20",
            "\u200b",
            "\u202e",
            "http",
            "https://t.co/a",
            "example",
            ".com",
            "discord.gg/a",
        ),
        *(
            "<@1>",
            "<#1>",
            "$FOG",
            "everyone",
            "here",
            "\u2474",
            "\ufe0f",
            "\u0301",
            "。",
            "fog",
            " ",
            ". ",
            "😀",
            "霧",
        ),
    ]
)
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=10).map("".join))


@given(TEXTS, st.booleans())
def test_what_passes_is_harmless(text: str, finished: bool) -> None:
    for candidate in judge([Candidate(text, finished)], GATES)[0]:
        assert not re.search(r"@\w", candidate.text)
        assert "http" not in candidate.text.lower()
        assert not re.search("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\uff20\ufe6b]", candidate.text)
        assert candidate.text.strip()


@given(st.lists(st.builds(Candidate, TEXTS, st.booleans(), TEXTS), max_size=6))
def test_every_candidate_is_passed_or_counted(candidates: list[Candidate]) -> None:
    passed, rejected = judge(candidates, GATES)
    assert len(passed) + len(rejected) == len(candidates)
    for candidate in passed:
        assert GATES.check(candidate.text, candidate.finished, candidate.opening) is None


@given(TEXTS)
@example("It is half past 5. ")
def test_trim_gives_a_beginning_that_trims_to_itself(text: str) -> None:
    whole = trim(text)
    if whole is not None:
        assert text.startswith(whole)
        assert trim(whole) == whole
