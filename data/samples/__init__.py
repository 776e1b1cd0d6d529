"""The two bundled sample archives by handle. Both accounts are fictional and were written for this project."""

from pathlib import Path

SAMPLES: dict[str, Path] = {path.stem: path for path in sorted(Path(__file__).parent.glob("*.zip"))}
