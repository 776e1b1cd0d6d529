"""Between text and token ids, the same way for every engine: prompts going in, continuations coming out."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from weakref import WeakValueDictionary

from tokenizers import Tokenizer

from data.errors import InputError, NotFoundError
from trainer.engine import Continuation, Line, Sampling
from trainer.engine.vocabulary import Vocabulary
from trainer.engine.weights import Gpt2Shape
from trainer.prompt import end_of_text_id, read_continuation, render_prompt

TOKENIZER = "tokenizer.json"
_BROKEN = "\ufffd"  # what bytes that are no character are read as


class VoiceTokenizer:
    """A voice's tokenizer."""

    def __init__(self, folder: Path, shape: Gpt2Shape) -> None:
        """`shape` is that of the model. Raises MynahError where the tokenizer is missing or unusable."""
        file, content = folder / TOKENIZER, _content(folder)
        try:
            self._tokenizer = Tokenizer.from_buffer(content)
        except Exception as problem:  # the library raises no narrower class
            raise InputError(f"{file} is damaged ({problem}); put it back, or train the voice again.") from problem
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.end = end_of_text_id(self._tokenizer)
        self.vocabulary = Vocabulary(self._tokenizer.get_vocab(), self.end, shape.vocabulary)
        self._context = shape.context

    def prompts(self, lines: Sequence[Line], sampling: Sampling) -> tuple[list[tuple[int, ...]], int]:
        """The prompts as ids, and how many tokens may follow. Of an opening too long for both, the end is kept."""
        tokens = min(sampling.max_tokens, self._context - 2)
        room = self._context - tokens - 1  # beside the end of text that opens every prompt
        prompts = []
        for line in lines:
            first, *rest = self._ids(render_prompt(line.opening, line.topics))
            prompts.append((first, *rest[-room:]))
        return prompts, tokens

    def continuation(self, ids: Sequence[int]) -> Continuation:
        """What the ids, drawn after a prompt, say; finished if one of them ends the post."""
        text = read_continuation(self._tokenizer.decode(list(ids), skip_special_tokens=False))
        finished = bool(ids) and ids[-1] in self.vocabulary.endings
        # A character may take several tokens: one that was stopped half-way goes whole.
        return Continuation(text if finished else text.rstrip(_BROKEN), finished)

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids


class SharedTokenizers:
    """One tokenizer for all loaded voices that have the same, as those of one base do.

    Making GPT-2's takes 75 ms and 20 MB, that of the built-in base 15 ms; to know it again takes 1 ms.
    """

    def __init__(self) -> None:
        self._made: WeakValueDictionary[tuple[bytes, Gpt2Shape], VoiceTokenizer] = WeakValueDictionary()

    def of(self, folder: Path, shape: Gpt2Shape) -> VoiceTokenizer:
        """As `VoiceTokenizer(folder, shape)`."""
        key = hashlib.sha256(_content(folder)).digest(), shape
        tokenizer = self._made.get(key)
        if tokenizer is None:
            tokenizer = self._made[key] = VoiceTokenizer(folder, shape)
        return tokenizer


def _content(folder: Path) -> bytes:
    try:
        return (folder / TOKENIZER).read_bytes()
    except FileNotFoundError:
        raise NotFoundError(f"{folder / TOKENIZER} is missing; put it back, or train the voice again.") from None
