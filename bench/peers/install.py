"""`python -m bench.peers.install [--llama]`: the peers in `.venv-bench`, an environment of their own.

The recipes of transformers need none of it: they run in Mynah's environment, on the very same torch. Where one
peer does not install, the others still do, and its rows say so.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".venv-bench"
PEERS_PYTHON = FOLDER / "bin" / "python"
CONSTRAINTS = ROOT / "bench" / "constraints.txt"

# Distributions by the module that is imported. The converters of the engines read the weights with torch; it is
# first, so that none of the others can choose another build of it.
DISTRIBUTIONS: Mapping[str, str] = {
    "torch": "torch==2.13.0",
    "transformers": "transformers",
    "ctranslate2": "ctranslate2",
    "onnx": "onnx",
    "onnxruntime": "onnxruntime",
    "markovify": "markovify",
}
LLAMA: Mapping[str, str] = {"gguf": "gguf", "llama_cpp": "llama-cpp-python"}  # built from source: about 7 minutes

_VERSIONS = """
import importlib.metadata, json, sys
found = {}
for module, name in json.loads(sys.argv[1]).items():
    try:
        found[module] = importlib.metadata.version(name.partition("==")[0])
    except importlib.metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


def installed() -> dict[str, str]:
    """Versions of the peers that are here, by module; empty without an environment."""
    if not PEERS_PYTHON.exists():
        return {}
    wanted = json.dumps({**DISTRIBUTIONS, **LLAMA})
    command = [str(PEERS_PYTHON), "-c", _VERSIONS, wanted]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    versions: dict[str, str] = json.loads(result.stdout) if result.returncode == 0 else {}
    return versions


def install(llama: bool) -> dict[str, str]:
    """Install what is missing, say what does not install, and return `installed()`."""
    if not PEERS_PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", str(FOLDER)], check=True)
    here = installed()
    for module, name in {**DISTRIBUTIONS, **(LLAMA if llama else {})}.items():
        if module in here:
            continue
        print(f"Installing {name} into {FOLDER.name}", file=sys.stderr)
        command = [str(PEERS_PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        result = subprocess.run([*command, "-c", str(CONSTRAINTS), name], check=False, stdout=sys.stderr)
        if result.returncode:
            print(f"{name} can't be installed here; its rows are left out.", file=sys.stderr)
    return installed()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--llama", action="store_true", help="llama.cpp too: built from source, about 7 minutes.")
    versions = install(parser.parse_args().llama)
    print("\n".join(f"{module} {version}" for module, version in versions.items()))


if __name__ == "__main__":
    main()
