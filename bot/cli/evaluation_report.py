"""An evaluation for people, as one table, and for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bot.cli.present import out, print_table
from bot.quality.evaluation import Evaluation
from bot.quality.voice_quality import VoiceQuality

_EXAMPLES = 5  # texts of each voice that programs are given


def show(evaluation: Evaluation, figures: bool = True) -> None:
    """Print what was measured, a column for each voice; then, where asked for, the figures over all of them."""
    columns = ("measure", *(voice.name for voice in evaluation.voices))
    by_voice = [_column(evaluation, place) for place in range(len(evaluation.voices))]
    names = list(dict.fromkeys(name for column in by_voice for name in column))
    rows = [(name, *(column.get(name, "-") for column in by_voice)) for name in names]
    print_table("Voice quality", columns, rows)
    if figures:
        found = [(key, "-" if value is None else f"{value:.3f}") for key, value in evaluation.figures.items()]
        print_table("Over all voices", ("key", "value"), found)
    for key, reason in evaluation.why_not.items():
        out.print(f"{key}: {reason}", markup=False)


def to_json(evaluation: Evaluation) -> dict[str, Any]:
    """The keys of the figures stand at the top; `why_not` says of those that are null why; then all else."""
    return {
        **evaluation.figures,
        "why_not": evaluation.why_not,
        "attribution": _attribution(evaluation),
        "voices": [_voice(voice) for voice in evaluation.voices],
    }


def _column(evaluation: Evaluation, place: int) -> dict[str, str]:
    voice = evaluation.voices[place]
    bits, said, fits = voice.bits, voice.said, voice.relevance
    column = {
        "bits per byte, held out": f"{bits.voice:.3f}",
        "  of the base": _beside(bits.voice, bits.base),
        "  of the reference recipe": "-" if bits.reference is None else _beside(bits.voice, bits.reference),
        "  of a Markov chain": f"{_beside(bits.voice, bits.markov)}, {bits.markov_order} tokens",
    }
    if told := evaluation.attribution:
        shares = told.shares[place]
        column["attribution"] = ", ".join(
            f"{shares.get(handle, 0.0):.0%}" + (f" {handle}" if len(voice.handles) > 1 else "")
            for handle in voice.handles
        )
        real = ", ".join(f"{told.told(handle):.0%}" for handle in voice.handles)
        column["  of their real posts (chance)"] = f"{real} ({told.chance:.0%})"
    column |= {
        "copies, raw": f"{said.copy_rate_raw:.1%} of {said.candidates}",
        "copies, after the gates": f"{said.copy_rate_gated:.1%} of {len(voice.texts)}",
        "kept back by the gates": f"{sum(said.rejected.values()):.1%}",
        **{f"  {reason}": f"{share:.1%}" for reason, share in said.rejected.items()},
        "stopped at the longest": f"{said.unfinished:.1%}",
        "cut in a word": f"{said.cut_in_a_word:.1%}",
        "distinct-2 (real posts)": f"{said.distinct_2:.3f} ({said.distinct_2_own:.3f})",
        "self-BLEU (real posts)": f"{said.self_bleu:.1f} ({said.self_bleu_own:.1f})",
        "words new to it (real posts)": f"{said.new_words:.1%} ({said.new_words_own:.1%})",
        "manner, distance (real posts)": f"{said.distance:.3f} ({said.distance_own:.3f})",
        "  characters (real posts)": f"{said.manner.characters:.0f} ({said.manner_own.characters:.0f})",
        "  words (real posts)": f"{said.manner.words:.0f} ({said.manner_own.words:.0f})",
    }
    for trait, share in said.manner.shares.items():
        column[f"  {trait} (real posts)"] = f"{share:.0%} ({said.manner_own.shares[trait]:.0%})"
    if fits:
        column["relevance, times chance"] = f"{fits.times_chance:.1f} over {fits.answers} answers"
        column["  mean rank among ten"] = f"{fits.mean_rank:.1f}"
    if own := voice.relevance_own:
        column["  without the opening given"] = f"{own.times_chance:.1f}"
    return column


def _beside(ours: float, other: float) -> str:
    return f"{other:.3f} ({ours / other - 1:+.0%})"


def _attribution(evaluation: Evaluation) -> Mapping[str, Any] | None:
    told = evaluation.attribution
    if told is None:
        return None
    names: Sequence[str] = [voice.name for voice in evaluation.voices]
    return {
        "accuracy": told.accuracy,
        "ceiling": told.ceiling,
        "chance": told.chance,
        "people": list(told.people),
        "real": {handle: dict(shares) for handle, shares in told.real.items()},
        "shares": [
            {"voice": name, "given_to": dict(share)} for name, share in zip(names, told.shares, strict=True)
        ],
    }


def _voice(voice: VoiceQuality) -> dict[str, Any]:
    values = asdict(voice)
    texts = values.pop("texts")
    for name, fits in (("relevance", voice.relevance), ("relevance_own", voice.relevance_own)):
        if fits:
            values[name]["times_chance"] = fits.times_chance
    return {**values, "texts": len(texts), "examples": list(texts[:_EXAMPLES])}
