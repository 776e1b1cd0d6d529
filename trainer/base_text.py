"""The text a base is made of: read from files, a tokenizer trained on it, encoded once, given out in windows."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy
import zstandard
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from data.errors import InputError
from trainer.durable import appearing
from trainer.prompt import END_OF_TEXT, encode_posts, encode_topics, end_of_text_id

HELD_OUT_SHARE = 100  # every hundredth document is never trained on
MINIMUM_PARAGRAPH = 20  # characters; shorter ones are chapter numbers and page headings


@dataclass(frozen=True)
class TextSource:
    """A text file and its share of each batch. Ends in .txt, .jsonl or .jsonl.zst (with a `text` key)."""

    path: Path
    share: float
    with_topics: bool = False  # before each text stands what it is about, which is given and not learned

    @property
    def name(self) -> str:
        """`posts`, or `posts on topics`."""
        return self.path.name.split(".")[0] + (" on topics" if self.with_topics else "")

    @cached_property
    def digest(self) -> str:
        """Of the file as it is."""
        with self.path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()


def documents(path: Path) -> Iterator[str]:
    """Every document of a text file, white space collapsed; books are cut into paragraphs.

    Raises InputError for a file that is no text in one of the three forms.
    """
    try:
        raw = path.read_bytes()
        if path.suffix == ".zst":
            raw = zstandard.ZstdDecompressor().stream_reader(raw).read()
        whole = raw.decode("utf-8")
        texts = [whole] if path.suffix == ".txt" else [_text(line) for line in whole.split("\n") if line]
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


def _text(line: str) -> str:
    text = json.loads(line)["text"]
    if not isinstance(text, str):
        raise TypeError(f"the text is {text!r}")
    return text.encode("utf-8", "replace").decode()  # half a surrogate pair is no character


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
class Stream:
    """Documents one after the other, each closed by `<|endoftext|>`, and one more before the first."""

    tokens: numpy.ndarray
    learned: numpy.ndarray  # for each token 1, or 0 where it is given

    @classmethod
    def of(cls, documents: Sequence[tuple[Sequence[int], Sequence[int]]], end: int, vocabulary: int) -> "Stream":
        """From what is given of each document and what is learned."""
        tokens, learned = [end], [1]
        for given, text in documents:
            tokens += [*given, *text]
            learned += [0] * len(given) + [1] * len(text)
        narrow = numpy.min_scalar_type(vocabulary - 1)  # two bytes for 8k and for GPT-2's 50k
        return cls(numpy.array(tokens, dtype=narrow), numpy.array(learned, dtype=numpy.uint8))

    def window(self, number: int, size: int, seed: int) -> tuple[numpy.ndarray, numpy.ndarray]:
        """The `number`-th window of `size` tokens, and which of them are learned. Every window comes once, in an
        order of its own for each epoch, then all again, cut elsewhere.
        """
        count = len(self.tokens) // size - 1
        epoch, place = divmod(number, count)
        first, order = _order(count, size, seed, epoch)
        start = first + int(order[place]) * size
        return self.tokens[start : start + size], self.learned[start : start + size]


@lru_cache(maxsize=8)  # of a few sources, each read from one epoch at a time
def _order(count: int, size: int, seed: int, epoch: int) -> tuple[int, numpy.ndarray]:
    """Where the first window of an epoch begins, and the order of all `count`."""
    generator = numpy.random.default_rng((seed, epoch))
    return int(generator.integers(size)), generator.permutation(count)


@dataclass(frozen=True)
class EncodedSource:
    """What is learned of a source, and what is held out with its size in bytes of text."""

    learn: Stream
    held_out: Stream
    held_out_bytes: int


def encode(source: TextSource, tokenizer: Tokenizer, folder: Path, block_size: int) -> EncodedSource:
    """Encode a source once; a resumed run reads the arrays back. Raises InputError where it is too short."""
    file = folder / f"{source.name}.npz"
    if not file.exists():
        held_out_bytes = 0
        parts: tuple[list[tuple[list[int], list[int]]], ...] = ([], [])  # to learn, held out
        texts = list(documents(source.path))
        for start in range(0, len(texts), 4096):
            some = texts[start : start + 4096]
            chance = numpy.random.default_rng(start)
            given = encode_topics(tokenizer, some, chance) if source.with_topics else [[]] * len(some)
            for index, document in enumerate(zip(given, encode_posts(tokenizer, some), strict=True), start):
                held = index % HELD_OUT_SHARE == 0
                parts[held].append(document)
                held_out_bytes += len(texts[index].encode()) + 1 if held else 0
        end, vocabulary = end_of_text_id(tokenizer), tokenizer.get_vocab_size()
        learn, held_out = (Stream.of(part, end, vocabulary) for part in parts)
        with appearing(file) as partial, partial.open("wb") as arrays_there:
            numpy.savez(
                arrays_there,
                learn=learn.tokens,
                learned=learn.learned,
                held_out=held_out.tokens,
                held_out_learned=held_out.learned,
                held_out_bytes=held_out_bytes,
            )
    arrays = numpy.load(file, allow_pickle=False)
    encoded = EncodedSource(
        Stream(arrays["learn"], arrays["learned"]),
        Stream(arrays["held_out"], arrays["held_out_learned"]),
        int(arrays["held_out_bytes"]),
    )
    if len(encoded.held_out.tokens) <= block_size or len(encoded.learn.tokens) < 2 * block_size:
        file.unlink()
        raise InputError(
            f"'{source.path}' is too short: at least {HELD_OUT_SHARE * block_size:,} tokens are needed, so that "
            "a hundredth of it can be held out."
        )
    return encoded
