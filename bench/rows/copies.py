"""The copy check over 50,000 posts, against comparing a candidate with every post in turn.

A third of the candidates are new, a third are posts with a word changed, a third are posts as they stand. All are
put together from the same texts, so that a new one too has words in a row with many posts: the index's hard case.
"""

import statistics
import time
from collections.abc import Mapping

from bench.figures import Condition, Reading, Spread
from bench.posts import drawn_posts
from bench.workload import Group, Measurement, Results, Side, Terms, seconds_of

OURS, PLAIN = "ours", "every post in turn"
POSTS, CANDIDATES, PLAIN_CANDIDATES = 50_000, 300, 3


def _candidates(posts: list[str], count: int) -> tuple[list[str], list[str]]:
    """(new ones, copies)"""
    taken = posts[:: len(posts) // (count // 3)][: count // 3]
    return drawn_posts(count // 3, seed=5), [*taken, *(f"{text.rsplit(' ', 1)[0]} indeed" for text in taken)]


def ours(terms: Terms) -> Measurement:
    from bot.gates.copies import CopyIndex

    posts = drawn_posts(POSTS)
    started = time.perf_counter()
    index = CopyIndex(posts)
    indexing = time.perf_counter() - started
    new, copies = _candidates(posts, CANDIDATES)
    seconds = seconds_of(lambda: [index.copied(text) for text in new + copies], repeats=1 if terms.quick else 3)
    return Measurement(
        {
            "ms": 1000 * seconds / len(new + copies),
            "index_seconds": indexing,
            "index_mb": index.memory_bytes / 1e6,
            "copies_found": sum(index.copied(text) is not None for text in copies) / len(copies),
            "new_passed": sum(index.copied(text) is None for text in new) / len(new),
        }
    )


def every_post(terms: Terms) -> Measurement:
    from data.likeness import similarity

    posts = drawn_posts(POSTS)
    new, _ = _candidates(posts, 3 * PLAIN_CANDIDATES)
    new = new[: 1 if terms.quick else PLAIN_CANDIDATES]
    seconds = seconds_of(lambda: [max(similarity(text, post) for post in posts) for text in new], 1, warm_ups=0)
    return Measurement({"ms": 1000 * seconds / len(new)})


def read(results: Results) -> Mapping[str, Reading]:
    figures = [measurement.figures for measurement in results[OURS]]
    found = min(one["copies_found"] for one in figures)
    beside = {name: statistics.median(one[name] for one in figures) for name in ("index_seconds", "index_mb")}
    beside["new_passed"] = min(one["new_passed"] for one in figures)
    if PLAIN in results:
        plain = [measurement.figures["ms"] for measurement in results[PLAIN]]
        beside["times_every_post_in_turn"] = Spread.of_ratios(plain, [one["ms"] for one in figures]).median
    return {
        "copy_check.ms": Reading(
            Spread.of([one["ms"] for one in figures]),
            (Condition("every copy is found", found == 1, found),),
            beside,
        )
    }


GROUP = Group("copies", ("copy_check.ms",), (Side(OURS, ours), Side(PLAIN, every_post)), read)
