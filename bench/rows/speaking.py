"""One reply and ten candidates of 50 tokens on 124 M parameters, every engine with the same voice.

Ours speaks with an adapter on its base, as the bot does; the peers speak the merged voice, which spares them the
adapter. Beside the speed stands how much of what each says, when it may end where it likes, passes the bot's
gates.
"""

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

from bench import shape
from bench.figures import Condition, Reading, Spread
from bench.peers import ctranslate2_int8, generate, llama_q8, onnx_int8
from bench.peers.generate import Speak
from bench.posts import LAMPKEEPER
from bench.rows import bandwidth
from bench.workload import Group, Measurement, Results, Side, Terms, seconds_of

OURS, PLAIN, MARKOV, MEMORY = "ours", "transformers", "markovify", "memory_read"
TOKENS, CANDIDATES = 50, 10
OPENING = "The thing about fog is"
WARM = (
    0.95  # a rate that is this close to the fastest peer's is no slower: two runs of one engine differ by as much
)


def _measure(load: Callable[[], Speak], terms: Terms) -> Measurement:
    started = time.perf_counter()
    speak = load()
    loaded = time.perf_counter() - started
    repeats = 1 if terms.quick else 5
    one = seconds_of(lambda: speak(1, TOKENS, True), repeats)
    ten = seconds_of(lambda: speak(CANDIDATES, TOKENS, True), repeats, warm_ups=0 if terms.quick else 1)
    texts = [text for _ in range(1 if terms.quick else 4) for text in speak(CANDIDATES, TOKENS, False)]
    return Measurement({"one_seconds": one, "ten_seconds": ten, "load_seconds": loaded}, texts=texts)


def prepare_ours(terms: Terms) -> Measurement:
    """The voice, and the compiled graph of its base, which is there from the second start of a bot on."""
    from bench.voices import adapter_voice
    from trainer.engine import open_engine
    from trainer.voice import Voice

    folder = terms.scratch / "voice"
    base = shape.base_folder(terms)
    voice = Voice.from_folder(folder) if folder.exists() else adapter_voice(base, folder)
    open_engine("cpu", terms.scratch / "cache").load(voice)
    return Measurement()


def ours(terms: Terms) -> Measurement:
    from trainer.engine import Line, Sampling, open_engine
    from trainer.voice import Voice

    def load() -> Speak:
        speaker = open_engine("cpu", terms.scratch / "cache").load(Voice.from_folder(terms.scratch / "voice"))
        seeds = iter(range(10_000))

        def speak(count: int, tokens: int, exactly: bool) -> list[str]:
            lines = [Line(OPENING, next(seeds)) for _ in range(count)]
            sampling = Sampling(max_tokens=tokens, min_tokens=tokens if exactly else 2)
            spoken = speaker.speak(lines, sampling)
            assert not exactly or not any(continuation.finished for continuation in spoken)
            return [OPENING + continuation.text for continuation in spoken]

        return speak

    return _measure(load, terms)


def transformers(terms: Terms) -> Measurement:
    return _measure(lambda: generate.load(shape.merged_folder(terms), OPENING, terms.threads), terms)


def prepare_transformers(terms: Terms) -> Measurement:
    shape.merged_folder(terms)
    return Measurement()


def prepare_ctranslate2(terms: Terms) -> Measurement:
    ctranslate2_int8.convert(shape.merged_folder(terms), terms.scratch / "ctranslate2")
    return Measurement()


def ctranslate2(terms: Terms) -> Measurement:
    tokenizer = shape.merged_folder(terms) / "tokenizer.json"
    folder = terms.scratch / "ctranslate2"
    return _measure(lambda: ctranslate2_int8.load(folder, tokenizer, OPENING, terms.threads), terms)


def prepare_onnxruntime(terms: Terms) -> Measurement:
    onnx_int8.convert(shape.merged_folder(terms), terms.scratch / "gpt2-int8.onnx")
    return Measurement()


def onnxruntime(terms: Terms) -> Measurement:
    model, folder = terms.scratch / "gpt2-int8.onnx", shape.merged_folder(terms)
    return _measure(lambda: onnx_int8.load(model, folder, OPENING, terms.threads), terms)


def prepare_llama(terms: Terms) -> Measurement:
    llama_q8.convert(shape.merged_folder(terms), terms.scratch / "gpt2-q8.gguf")
    return Measurement()


def llama(terms: Terms) -> Measurement:
    return _measure(lambda: llama_q8.load(terms.scratch / "gpt2-q8.gguf", OPENING, terms.threads), terms)


def markovify(terms: Terms) -> Measurement:
    """A chain over the posts of a sample: no model, and no opening either. The least that a reply can cost."""
    import markovify as library

    posts = LAMPKEEPER.read_text(encoding="utf-8")

    def load() -> Speak:
        chain = library.NewlineText(posts, well_formed=False)
        return lambda count, tokens, exactly: [str(chain.make_sentence(tries=100)) for _ in range(count)]

    return _measure(load, terms)


def pass_rate(texts: Sequence[str], posts: Sequence[str]) -> float:
    """The share of texts that the bot's gates let pass, as candidates of a voice that learned from `posts`."""
    from bot.gates import BlockList, Candidate, Gates, judge
    from bot.gates.copies import CopyIndex

    gates = Gates(CopyIndex(posts), BlockList(()))
    finished = [text.rstrip().endswith((".", "!", "?", "\u2026", '"')) for text in texts]
    candidates = [Candidate(text, whole, OPENING) for text, whole in zip(texts, finished, strict=True)]
    return len(judge(candidates, gates)[0]) / max(1, len(texts))


def read(results: Results) -> Mapping[str, Reading]:
    def rates(side: str, figure: str) -> list[float]:
        return [1 / measurement.figures[figure] for measurement in results[side]]

    posts = LAMPKEEPER.read_text(encoding="utf-8").splitlines()
    # Round by round: whoever draws by seeds says the same in each, and the gates let no text pass twice.
    passing = {
        side: statistics.mean(pass_rate(one.texts, posts) for one in measurements)
        for side, measurements in results.items()
        if side != MEMORY
    }
    missing = passing[PLAIN] - passing[OURS]
    drawn = {side: len({text for one in results[side] for text in one.texts}) for side in (OURS, PLAIN)}
    chance = 2 * math.sqrt(sum(passing[side] * (1 - passing[side]) / drawn[side] for side in (OURS, PLAIN)))
    readings = {}
    for key, figure, tokens in (
        ("speak.ten_ratio", "ten_seconds", TOKENS * CANDIDATES),
        ("speak.one_ratio", "one_seconds", TOKENS),
    ):
        others = results.keys() - {OURS, MARKOV, MEMORY}
        against = {side: Spread.of_ratios(rates(OURS, figure), rates(side, figure)) for side in others}
        fastest = min(others, key=lambda side: against[side].median)
        conditions = [
            Condition("gates pass as much as of transformers', but for chance", missing <= chance, -missing)
        ]
        if key == "speak.ten_ratio":
            ratio = against[fastest].median
            conditions.append(Condition(f"no slower than the fastest peer, {fastest}", ratio >= WARM, ratio))
        readings[key] = Reading(
            against[PLAIN],
            tuple(conditions),
            {
                "tokens_per_second": tokens * statistics.median(rates(OURS, figure)),
                **{f"times_{side}": spread.median for side, spread in against.items()},
                **{f"gates_pass_{side}": rate for side, rate in passing.items()},
            },
        )
    if MEMORY in results:
        one = [TOKENS * rate for rate in rates(OURS, "one_seconds")]
        limits = [measurement.figures["tokens_per_second"] for measurement in results[MEMORY]]
        readings["speak.one_bandwidth_share"] = bandwidth.share(one, limits)
    return readings


GROUP = Group(
    "speaking",
    ("speak.ten_ratio", "speak.one_ratio", "speak.one_bandwidth_share"),
    (
        Side(OURS, ours, prepare_ours),
        Side(PLAIN, transformers, prepare_transformers),
        Side(MEMORY, bandwidth.read_limit, prepare_transformers),
        Side("ctranslate2", ctranslate2, prepare_ctranslate2, "peers", ("torch", "transformers", "ctranslate2")),
        Side("onnxruntime", onnxruntime, prepare_onnxruntime, "peers", ("torch", "onnx", "onnxruntime")),
        Side("llama.cpp", llama, prepare_llama, "peers", ("gguf", "llama_cpp"), in_quick=False),
        Side(MARKOV, markovify, None, "peers", ("markovify",)),
    ),
    read,
)
