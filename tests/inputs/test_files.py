"""Files of every wrong sort, for every option and argument that takes a file or a folder."""

from collections.abc import Callable
from itertools import product

import pytest

from robusthash.errors import InputError, UsageError

MISSING = {
    "missing": "nowhere{}",
    "in no folder": "nowhere/file{}",
    "below a file": "text/file{}",
    "markup": "r[/red]{}",
    "an escape": "\x1b[31m{}",
    "two lines": "a\nb{}",
    "not UTF-8": "\udcff{}",
    "NUL": "a\0b{}",
    "300 characters": "n" * 300 + "{}",
    "5000 characters": "n/" * 2500 + "{}",
    "a loop": "loop{}",
    "a dangling link": "dangling{}",
}
PRESENT = {
    "a folder": "folder{}",
    "a FIFO": "fifo{}",
    "empty": "empty{}",
    "binary": "binary{}",
}
#: For what shares its reader with a row that has them all.
SOME = {"missing", "NUL", "a dangling link", "a folder", "a FIFO", "an endless device"}
DEVICES = {"/dev/null": "/dev/null", "an endless device": "/dev/zero"}
NETWORK = ["--model", "lsh", "--attack", "noise", "--queries", "4"]
IMPORT = [
    "--layout",
    "prosgan",
    "--model",
    "dpsh/prosgan",
    "--bits",
    "32",
    "--backbone",
    "vgg11",
    "--dataset",
    "cifar10",
]

GATE = ["gate", "--fail-under", "map >= 0.3"]
#: What takes a file, with the suffix that it must have.
FILES = {
    "eval --suite": (["eval", "--suite", "{}"], ".toml"),
    "eval --model of a checkpoint": (["eval", "--model", "{}", "--attack", "noise"], ".safetensors"),
    "eval --model of a file": (["eval", "--model", "{}:build", "--attack", "noise"], ".py"),
    "eval --surrogate": (["eval", *NETWORK, "--surrogate", "{}"], ".safetensors"),
    "eval --checkpoint": (["eval", "--attack", "noise", "--checkpoint", "{}"], ".safetensors"),
    "eval --weights": (["eval", *NETWORK, "--weights", "{}"], ".safetensors"),
    "train --weights": (["train", "--model", "lsh", "--weights", "{}"], ".safetensors"),
    "train --checkpoint": (["train", "--model", "lsh", "--checkpoint", "{}"], ".safetensors"),
    "harden --model": (["harden", "cgat", "--model", "{}"], ".safetensors"),
    "eval --fitted": (["eval", "--model", "lsh", "--fitted", "{}"], ".safetensors"),
    "attack --fitted": (["attack", "--model", "lsh", "--output", "out", "--fitted", "{}"], ".safetensors"),
    "fit --model": (["fit", "uap", "--model", "{}"], ".safetensors"),
    "attack --model": (["attack", "--attack", "noise", "--output", "out", "--model", "{}"], ".safetensors"),
    "import FILE": (["import", "{}", *IMPORT], ".safetensors"),
    "show RECORD": (["show", "{}"], ".json"),
    "gate --rules": (["gate", "folder", "--rules", "{}"], ".toml"),
    "baseline show FILE": (["baseline", "show", "{}"], ".json"),
    "plugins list --plugin-file": (["plugins", "list", "--plugin-file", "{}"], ".json"),
    "compare FIRST": (["compare", "{}", "{}"], ".json"),
}
#: Of these, the first of each kind of file.
FIRST_FILES = {
    "eval --suite",
    "eval --model of a checkpoint",
    "eval --model of a file",
    "eval --checkpoint",
    "eval --fitted",
    "import FILE",
    "show RECORD",
}
INPUT = ["attack", *NETWORK, "--dataset", "digits", "--output", "out", "--input"]
#: What takes a folder.
FOLDERS = {
    "leaderboard --results": ["leaderboard", "--results", "{}"],
    "curve --results": ["curve", "--over", "bits", "--results", "{}"],
    "rescore --results": ["rescore", "--results", "{}"],
    "show --results": ["show", "0123456789", "--results", "{}"],
    "compare --results": ["compare", "0123456789", "0123456789", "--results", "{}"],
    "gate RESULTS": [*GATE, "{}"],
    "plugins test --data-root": ["plugins", "test", "digits", "--data-root", "{}"],
    "attack --input": [*INPUT, "{}"],
    "eval --data-root": ["eval", *NETWORK, "--dataset", "folder", "--data-root", "{}"],
    "data verify --data-root": ["data", "verify", "folder", "--data-root", "{}", "--quiet"],
    "data prepare --source": ["data", "prepare", "cifar10", "--source", "{}", "--data-root", "nowhere", "--quiet"],
}
FIRST_FOLDERS = {"leaderboard --results", "attack --input", "data verify --data-root"}
#: What takes a folder to write into, and must know before it works that it cannot.
WRITTEN = {
    "eval --results": ["eval", *NETWORK, "--results", "{}"],
    "attack --output": ["attack", *NETWORK, "--output", "{}"],
    "plugins new --into": ["plugins", "new", "my-hinge", "--kind", "gradient-attack", "--into", "{}"],
    "gate --junit": [*GATE, "folder", "--junit", "{}/report"],
}
UNWRITABLE = {
    "a file": "text",
    "below a file": "text/below",
    "a FIFO": "fifo",
    "a loop": "loop",
    "NUL": "a\0b",
    "300 characters": "n" * 300,
    "a device": "/dev/null",
    "a virtual folder": "/proc/nowhere",
}


def _filled(arguments: list[str], path: str) -> list[str]:
    return [argument.replace("{}", path) for argument in arguments]


ROWS = (
    {
        f"{name} {how}": _filled(arguments, path.replace("{}", suffix))
        for (name, (arguments, suffix)), (how, path) in product(FILES.items(), (MISSING | PRESENT).items())
        if name in FIRST_FILES or how in SOME
    }
    | {
        f"{name} {how}": _filled(arguments, path)
        for (name, (arguments, suffix)), (how, path) in product(FILES.items(), DEVICES.items())
        if (suffix not in {".py", ".safetensors"} or "--checkpoint" in arguments or "--weights" in arguments)
        and (name in FIRST_FILES or how in SOME)
    }
    | {
        f"{name} {how}": _filled(arguments, path.replace("{}", ""))
        for (name, arguments), (how, path) in product(FOLDERS.items(), (MISSING | PRESENT | DEVICES).items())
        if path != "folder{}" and (name in FIRST_FOLDERS or how in SOME)
    }
    | {
        f"{name} {how}": _filled(arguments, path)
        for (name, arguments), (how, path) in product(WRITTEN.items(), UNWRITABLE.items())
    }
)
OTHERS = {
    "a truncated checkpoint": (["eval", "--attack", "noise", "--model", "truncated.safetensors"], "truncated"),
    "a checkpoint with a huge header": (["eval", "--attack", "noise", "--model", "huge.safetensors"], "huge"),
    "a pickle": (["eval", "--attack", "noise", "--checkpoint", "pickle.pt"], "pickle"),
    "a pickle by another name": (["eval", "--attack", "noise", "--model", "pickle.safetensors"], "pickle"),
    "a pickle of other code": (["import", "pickle.pt", *IMPORT], "pickle.pt"),
    "a model with an error of syntax": (["eval", "--attack", "noise", "--model", "syntax.py:build"], "syntax.py"),
    "a model that raises": (["eval", "--attack", "noise", "--model", "raises.py:build"], "raises.py"),
    "a model without its function": (["eval", "--attack", "noise", "--model", "raises.py:"], "raises.py"),
    "a model that is none": (["eval", "--attack", "noise", "--model", "nothing.py:build"], "nothing.py"),
    "a function that is missing": (["eval", "--attack", "noise", "--model", "nothing.py:make"], "make"),
    "no record": (["show", "no.json"], "no.json"),
    "no arrays": (["compare", "no.json", "no.json"], "no.json"),
    "a plot without a suffix": (["curve", "--over", "bits", "--plot", "x"], "--plot"),
    "an import to another suffix": (["import", "no.pt", *IMPORT, "--output", "x.pt"], "--output"),
    "train --output below a file": (["train", "--model", "lsh", "--output", "text/x.safetensors"], "--output"),
    "train --output that is a folder": (["train", "--model", "lsh", "--output", "folder"], "--output"),
    "harden --output that is a folder": (["harden", "cgat", "--model", "dpsh", "--output", "folder"], "--output"),
    "import --output that is a folder": (["import", "no.pt", *IMPORT, "--output", "folder.safetensors"], "--output"),
    "train --output with NUL": (["train", "--model", "lsh", "--output", "a\0b"], "--output"),
    "train --output of 300 characters": (["train", "--model", "lsh", "--output", "n" * 300], "--output"),
    "a data root that is needed": (["data", "verify", "folder"], "folder of the images"),
    "a folder of no pictures": (
        ["attack", *NETWORK, "--dataset", "digits", "--output", "out", "--input", "folder"],
        "folder",
    ),
}


@pytest.mark.parametrize("arguments", ROWS.values(), ids=ROWS)
def test_a_file_of_a_wrong_sort_is_refused(refused: Callable[..., object], arguments: list[str]) -> None:
    refused(arguments, kind=(InputError, UsageError))


@pytest.mark.parametrize(("arguments", "says"), OTHERS.values(), ids=OTHERS)
def test_what_is_wrong_with_a_file_is_told(refused: Callable[..., object], arguments: list[str], says: str) -> None:
    refused(arguments, says)
