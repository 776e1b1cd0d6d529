"""Posts to learn from: a folder of real ones where the person has one, else the bundled samples."""

from pathlib import Path

from bench.workload import Terms

# Of different manner and size; see the README of such a folder.
NAMES = ("ChuckGrassley", "NASA", "AndrewYang", "HillaryClinton")


def files(terms: Terms) -> list[Path]:
    """One file a corpus: four of the folder's JSONL files, those of NAMES first, or the bundled samples."""
    from data.samples import SAMPLES

    if terms.corpora is None or terms.quick:
        return list(SAMPLES.values())
    found = sorted(terms.corpora.glob("*.jsonl"), key=lambda file: (file.stem not in NAMES, file.stem))
    return found[: len(NAMES)]


def learn_and_held_out(file: Path) -> tuple[list[str], list[str]]:
    """The posts as an import and a training of the product would have them."""
    from data.corpus import build_corpus, split
    from data.settings import ImportSettings
    from data.sources import read_posts

    reading = read_posts(file, bounds=ImportSettings())
    return split(build_corpus(reading.handle, reading.posts, "default").texts)
