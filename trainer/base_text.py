"""The text a base is made of: read from files, a tokenizer trained on it, encoded once, given out in windows."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy
import zstandard
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from data.errors import InputError
from trainer.prompt import END_OF_TEXT, encode_posts, end_of_text_id

HELD_OUT_SHARE = 100  # every hundredth document is never trained on
MINIMUM_PARAGRAPH = 20  # characters; shorter ones are chapter numbers and page headings


@dataclass(frozen=True)
class TextSource:
    """A text file and its share of each batch. Ends in .txt, .jsonl or .jsonl.zst (with a `text` key)."""

    path: Path
    share: float


def documents(path: Path) -> Iterator[str]:
    """Every document of a text file, white space collapsed; books are cut into paragraphs.

    Raises InputError for a file that is no text in one of the three forms.
    """
    try:
        raw = path.read_bytes()
        if path.suffix == ".zst":
            raw = zstandard.ZstdDecompressor().stream_reader(raw).read()
        whole = raw.decode("utf-8")
        texts = (
            [whole] if path.suffix == ".txt" else [json.loads(line)["text"] for line in whole.split("\n") if line]
        )
    except (ValueError, KeyError, TypeError, zstandard.ZstdError) as error:
        raise InputError(
            f"'{path}' can't be read as text ({error}); give .txt in UTF-8, or one JSON object with `text` a line."
        ) from None
    for text in texts:
        paragraphs = text.split("\n\n")
        for paragraph in paragraphs:
            joined = " ".join(paragraph.split())
            if len(paragraphs) == 1 or len(joined) >= MINIMUM_PARAGRAPH:
                yield joined


def train_tokenizer(texts: Iterator[str], vocabulary: int) -> Tokenizer:
    """Byte-level BPE that can spell any string; `<|endoftext|>` is token 0."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


@dataclass(frozen=True)
class EncodedSource:
    """Token streams of one source, and the held-out part with its size in bytes of text."""

    learn: numpy.ndarray
    held_out: numpy.ndarray
    held_out_bytes: int

    def window(self, number: int, size: int, seed: int) -> numpy.ndarray:
        """The `number`-th window of `size` tokens to learn from: every one once, in an order of its own for each
        epoch, then all again, cut elsewhere.
        """
        count = len(self.learn) // size - 1
        epoch, place = divmod(number, count)
        first, order = _order(count, size, seed, epoch)
        start = first + int(order[place]) * size
        return self.learn[start : start + size]


@lru_cache(maxsize=8)  # of a few sources, each read from one epoch at a time
def _order(count: int, size: int, seed: int, epoch: int) -> tuple[int, numpy.ndarray]:
    """Where the first window of an epoch begins, and the order of all `count`."""
    generator = numpy.random.default_rng((seed, epoch))
    return int(generator.integers(size)), generator.permutation(count)


def encode(source: TextSource, tokenizer: Tokenizer, folder: Path, block_size: int) -> EncodedSource:
    """Encode a source once; a resumed run reads the arrays back. Raises InputError where it is too short."""
    file = folder / f"{source.path.name}.npz"
    if not file.exists():
        end = end_of_text_id(tokenizer)
        streams: tuple[list[int], list[int]] = ([end], [end])
        held_out_bytes = 0
        texts = list(documents(source.path))
        for start in range(0, len(texts), 4096):
            part = texts[start : start + 4096]
            for index, tokens in enumerate(encode_posts(tokenizer, part), start):
                held = index % HELD_OUT_SHARE == 0
                streams[held].extend(tokens)
                held_out_bytes += len(texts[index].encode()) + 1 if held else 0
        narrow = numpy.min_scalar_type(tokenizer.get_vocab_size() - 1)  # uint16 for 8k and for GPT-2's 50k
        numpy.savez(
            file,
            learn=numpy.array(streams[0], dtype=narrow),
            held_out=numpy.array(streams[1], dtype=narrow),
            held_out_bytes=held_out_bytes,
        )
    arrays = numpy.load(file, allow_pickle=False)
    encoded = EncodedSource(arrays["learn"], arrays["held_out"], int(arrays["held_out_bytes"]))
    if min(len(encoded.learn), len(encoded.held_out)) <= block_size:
        file.unlink()
        raise InputError(
            f"'{source.path}' is too short: at least {HELD_OUT_SHARE * block_size:,} tokens are needed, so that "
            "a hundredth of it can be held out."
        )
    return encoded
