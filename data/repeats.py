"""Which texts of a corpus say again what an earlier one said: all at once, where an index is asked text by text.

What is near is `data.likeness`'s to say. A quarter of a million posts are compared in seconds, because pairs that
can't be near are told by sketches of 32 bytes, and only the few that are left are compared in full.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data.likeness import (
    LEAST_SHARED,
    NEAR,
    NEAR_CHARACTERS,
    SHINGLE,
    halves,
    lead_entries,
    normalise,
    similarity,
    units_of,
)

# Earlier texts that one is compared with, the rarest words in a row first. On eight people's posts 64, 256 and
# 4,000 find the same; of 238,000 texts made of the same few, which is the hard case, 256 found all that 1,000 did.
_MOST_COMPARED = 256
_BITS = 256  # of a sketch
_BATCH = 1_000  # texts taken apart, and then compared, at once
_SPAN = 16 * _BATCH  # texts that are looked for in all lists at once
# Words in a row are sorted in 32 parts, by their first bits, to save memory.
_CUTS = np.arange(1, 32, dtype=np.uint64) << np.uint64(59)

_MIXERS = np.array([0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F], np.uint32)  # any odd numbers of mixed bits
_LAST_MIXER = np.uint32(0x2C1B3C6D)


def repeated(texts: Sequence[str]) -> npt.NDArray[np.bool_]:
    """For each text, whether an earlier one has the same letters and digits, or one that is kept is near it."""
    traits = _traits_of(texts)
    repeats = traits.same_letters.copy()
    for places in _places(traits, len(texts)):
        for text, earlier in _likely_pairs(traits, places, repeats):
            if not repeats[text] and not repeats[earlier] and similarity(texts[text], texts[earlier]) >= NEAR:
                repeats[text] = True
    return repeats


@dataclass(frozen=True)
class _Traits:
    """What is remembered of the texts, once they were taken apart."""

    same_letters: npt.NDArray[np.bool_]  # whether an earlier text has the same letters and digits
    lengths: npt.NDArray[np.uint32]  # in characters, normalised
    spare: npt.NDArray[np.float32]  # bits by which a sketch may differ, together with the other one's
    sketches: npt.NDArray[
        np.uint64
    ]  # a bit for each shingle, and each bit for many; 64 bits a row, a column a text
    lead_counts: npt.NDArray[np.uint32]  # how many words in a row a text has, each counted once
    sharers: npt.NDArray[np.uint32]  # lists of texts that share words in a row, each list ascending
    starts: npt.NDArray[np.uint32]  # for each sharer, where its list begins


def _traits_of(texts: Sequence[str]) -> _Traits:
    letters = np.zeros(len(texts), np.int64)
    lengths, lead_counts = np.zeros((2, len(texts)), np.uint32)
    sketches = np.zeros((_BITS // 64, len(texts)), np.uint64)
    leads = [np.zeros(0, np.uint64)]
    for start in range(0, len(texts), _BATCH):
        batch = slice(start, start + _BATCH)
        known = [normalise(text) for text in texts[batch]]
        letters[batch] = [hash(text) for text in known]  # of "", Python's is 0
        lengths[batch] = [len(text) for text in known]
        sketches[:, batch] = _sketched(known, lengths[batch])
        entries = lead_entries([units_of(text) for text in known], start)
        lead_counts[batch] = np.bincount(halves(entries)[1] - np.uint32(start), minlength=len(known))
        leads.append(entries)
    same_letters = _same_letters(letters)
    sharers, starts = _lists(leads, same_letters)
    spare = ((1 - NEAR) / (1 + NEAR) * lengths).astype(np.float32)
    return _Traits(same_letters, lengths, spare, sketches, lead_counts, sharers, starts)


def _sketched(known: Sequence[str], lengths: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
    """One column a text. Two differ in no more bits than the texts have shingles that are not in both."""
    padded = "".join(f" {text} " for text in known)
    codes = np.frombuffer(padded.encode("utf-32-le", "surrogatepass"), np.uint32)
    owners = np.repeat(np.arange(len(known)), lengths + 2)
    count = max(0, len(codes) - SHINGLE + 1)
    mixed = np.zeros(count, np.uint32)
    for place, mixer in enumerate(_MIXERS):
        mixed ^= codes[place : place + count] * mixer
    bits = (mixed * _LAST_MIXER) >> np.uint32(24)  # the highest 8 bits are mixed best: a place of 256
    inside = owners[:count] == owners[SHINGLE - 1 :]
    flags = np.zeros((len(known), _BITS), np.bool_)
    flags[owners[:count][inside], bits[inside]] = True
    return np.packbits(flags, axis=1).view(np.uint64).T


def _same_letters(letters: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which texts an earlier one equals."""
    _, first = np.unique(letters, return_index=True)
    same: npt.NDArray[np.bool_] = letters != 0
    same[first] = False
    return same


def _lists(
    leads: list[npt.NDArray[np.uint64]], without: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """The sharers and where their lists start. Most words in a row of what people write are one text's alone.

    `leads` is emptied: it takes most of the memory.
    """
    sharers, as_before = [], []
    for parts in zip(*(np.split(entries, np.searchsorted(entries, _CUTS)) for entries in leads), strict=True):
        entries = np.concatenate(parts)
        entries = entries[~without[halves(entries)[1]]]
        entries.sort()
        hashes, owners = halves(entries)
        same = np.zeros(len(entries) + 1, np.bool_)  # as the one before
        same[1:-1] = hashes[1:] == hashes[:-1]
        shared = same[:-1] | same[1:]
        sharers.append(owners[shared])
        as_before.append(same[:-1][shared])
    del parts
    leads.clear()
    starts = np.arange(sum(map(len, sharers)), dtype=np.uint32)
    starts[np.concatenate(as_before)] = 0
    return np.concatenate(sharers), np.maximum.accumulate(starts, out=starts)


def _places(traits: _Traits, texts: int) -> Iterator[npt.NDArray[np.intp]]:
    """Where the texts stand in lists behind earlier ones, a batch at a time, text by text."""
    for start in range(0, texts, _SPAN):
        places = np.flatnonzero((traits.sharers >= start) & (traits.sharers < start + _SPAN))
        places = places[traits.lengths[traits.sharers[places]] >= NEAR_CHARACTERS]
        places = places[places > traits.starts[places]]
        places = places[np.argsort(traits.sharers[places], kind="stable")]
        cuts = np.arange(start + _BATCH, start + _SPAN, _BATCH)
        yield from np.split(places, np.searchsorted(traits.sharers[places], cuts))


def _likely_pairs(
    traits: _Traits, places: npt.NDArray[np.intp], repeats: npt.NDArray[np.bool_]
) -> list[tuple[int, int]]:
    """(text, earlier one) that may be near, for a batch of texts and in their order: they share enough words in a
    row, and their sketches don't exclude it. Those that `repeats` marks are passed over.

    A text's shortest lists are followed, and of a long one its earliest texts: of many that are all near each
    other those are the ones that are kept.
    """
    counts = places - traits.starts[places]  # of earlier texts in the list
    order = np.lexsort((counts, traits.sharers[places]))
    places, counts = places[order], counts[order]
    texts = traits.sharers[places].astype(np.intp)
    before = np.cumsum(counts) - counts
    followed = before - before[np.searchsorted(texts, texts)] < _MOST_COMPARED
    texts, starts, counts = (
        texts[followed],
        traits.starts[places[followed]],
        counts[followed].clip(max=_MOST_COMPARED),
    )

    def pairs_of(chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
        """(text, earlier one) for each time that a chosen list has both, if their sketches allow."""
        one = np.repeat(texts[chosen], counts[chosen])
        earlier = traits.sharers[_ranges(starts[chosen], counts[chosen])].astype(np.intp)
        likely = _may_be_near(traits, one, earlier)
        likely = likely[~repeats[earlier[likely]]]
        return np.stack([one[likely], earlier[likely]])

    first = np.searchsorted(texts, texts)
    lists = np.searchsorted(texts, texts, side="right") - first
    least = np.ceil(np.minimum(LEAST_SHARED * traits.lead_counts[texts], lists))
    # Who shares three of five lists is in one of any three: only texts that the shortest lead to somebody are
    # looked at in full, which leaves out the longest lists of nearly all.
    leading = pairs_of(np.arange(len(texts)) - first <= lists - least)
    pairs, shared = np.unique(pairs_of(np.isin(texts, leading[0])), axis=1, return_counts=True)
    enough = shared >= least[np.searchsorted(texts, pairs[0])]
    return [(text, other) for text, other in pairs[:, enough].T.tolist()]


def _may_be_near(traits: _Traits, one: npt.NDArray[np.intp], other: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """The places of the pairs that may be. Of near texts' shingles, counted together, at most a quarter is not in
    both: no pair is lost whose sketches differ in more bits than that.
    """
    places = np.arange(len(one))
    spare = traits.spare[one] + traits.spare[other]
    for part in (traits.sketches[:3], traits.sketches[3:]):  # of the bench's pairs 3 % are left after the first
        for sketches in part:
            spare -= np.bitwise_count(sketches[one] ^ sketches[other])
        left = np.flatnonzero(spare >= 0)
        places, one, other, spare = places[left], one[left], other[left], spare[left]
    return places


def _ranges(starts: npt.NDArray[np.uint32], counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """So many whole numbers from each start on."""
    return np.repeat(starts - (np.cumsum(counts) - counts), counts) + np.arange(int(counts.sum()))
