"""Values that an option of a plugin cannot have: ``-o``, ``--vary``, and the forms of both."""

from collections.abc import Callable
from itertools import product

import pytest

NETWORK = ["eval", "--model", "lsh", "--attack", "rnm", "--queries", "4"]
WORDS = {
    "empty": "",
    "a word": "many",
    "nan": "nan",
    "hexadecimal": "0x10",
    "grouped": "1_000",
    "of another script": "٣",
    "two lines": "1\n2",
    "markup": "[/red]",
    "5000 digits": "9" * 5000,
    "a huge exponent": "1e99999999",
    "a list": "1,2",
    "NUL": "1\0",
}
INTEGER = {"infinite": "inf", "a fraction": "1.5", "negative": "-1", "an exponent": "1e3", "none": "none"}
#: An option of every type, and values that are wrong for it besides the words that are wrong for all.
TYPES = {
    "rnm.steps": INTEGER,
    "rnm.restarts": INTEGER | {"zero": "0"},
    "rnm.step_size": {"negative": "-1", "zero": "0", "half a ratio": "1/"},
    "rnm.p": {"none": "none", "zero over zero": "0/0"},
    "rnm.keep_best": {"two": "2", "none": "none", "a number": "1.0"},
    "rnm.aim": {"another case": "AWAY", "an aim of none": "nearest"},
    "rnm.step": {"a step of none": "newton"},
    "train.epochs": INTEGER | {"zero": "0"},
    "train.lr": {"negative": "-1", "zero": "0", "none": "none"},
    "train.nesterov": {"two": "2"},
    "train.optimizer": {"an optimiser of none": "lbfgs"},
    "train.augment": {"an augmentation of none": "mixup"},
}
FIRST = {"rnm.steps", "rnm.step_size", "rnm.keep_best", "rnm.aim"}  #: one of each type, with all words
FEW = {"a word", "grouped", "NUL"}  #: for the others
NO_TEXT = {
    f"-o {option} {name}": [*NETWORK, "-o", f"{option}={value}"]
    for option, others in TYPES.items()
    for name, value in (WORDS | others).items()
    if option in FIRST or name in FEW or name in others
}
FORMS = {
    "no field": "rnm=3",
    "no owner": ".steps=3",
    "no value": "rnm.steps",
    "nothing": "",
    "an equals sign": "=",
    "a dot": ".",
    "no name": "rnm.=3",
    "a field with a blank": "rnm.st eps=3",
    "a field that is a number": "rnm.3=3",
    "an unknown field": "rnm.stepz=3",
    "an unknown owner": "nosuch.steps=3",
    "an owner that is not used": "hag.steps=3",
    "an owner with markup": "[/red].steps=3",
    "an escape": "rnm.\x1b[31m=3",
    "two lines": "rnm.steps\n=3",
    "not UTF-8": "rnm.\udcff=3",
    "a dunder": "rnm.__class__=3",
    "a method": "rnm.perturb=3",
}
COMMANDS = {
    "eval": NETWORK,
    "train": ["train", "--model", "lsh"],
    "harden": ["harden", "cgat", "--model", "dpsh"],
    "attack": ["attack", "--model", "lsh", "--attack", "rnm", "--output", "out"],
    "import": [
        *["import", "no.pt", "--layout", "prosgan", "--model", "dpsh", "--bits", "8"],
        *["--backbone", "vgg11", "--dataset", "cifar10"],
    ],
    "data verify": ["data", "verify", "digits"],
    "data prepare": ["data", "prepare", "digits"],
}
SOME = {"no field", "an unknown owner", "an owner with markup", "not UTF-8"}  #: for commands that share their reader
MALFORMED = {
    f"{command} -o {name}": [*arguments, "-o", value]
    for (command, arguments), (name, value) in product(COMMANDS.items(), FORMS.items())
    if command == "eval" or name in SOME
}
SWEEPS = {
    "nothing": [],
    "an attack that is not asked for": ["hag.steps=3"],
    "a value that is none": ["rnm.steps=3,x"],
    "an empty value": ["rnm.steps=3,,4"],
    "no value": ["rnm.steps="],
    "an unknown option": ["rnm.stepz=3"],
    "the same twice": ["rnm.steps=3", "rnm.steps=4"],
    "no field": ["rnm=3"],
    "a number of 5000 digits": ["rnm.steps=" + "9" * 5000],
    "a defense": ["jpeg.quality=3"],
}
OTHERS = {
    f"--vary {name}": [*NETWORK, *(part for value in values or [""] for part in ("--vary", value))]
    for name, values in SWEEPS.items()
} | {
    "-o given twice": [*NETWORK, "-o", "rnm.steps=3", "-o", "rnm.steps=4"],
    "an option of rescoring that is an attack's": ["rescore", "--results", "folder", "-o", "rnm=3"],
    "a pair for a recipe": ["eval", "--model", "dpsh", "-o", "train.batch_size=1"],
    "options that contradict each other": ["eval", "--model", "dpsh", "-o", "train.nesterov=true"],
    "training options without training": [*NETWORK, "-o", "train.epochs=3"],
    "training options of a model that is ready": ["eval", "--model", "phash", "-o", "train.epochs=3"],
    "training options in training a closed form": ["train", "--model", "lsh", "-o", "train.epochs=3"],
    "a trained model to be trained": ["train", "--model", "lsh", "--checkpoint", "text"],
    "two checkpoints": ["eval", "--model", "binary.safetensors", "--checkpoint", "binary.safetensors"],
    "JPEG of no quality": [*NETWORK, "--defense", "jpeg", "-o", "jpeg.quality=0"],
    "a metric without its number": [*NETWORK, "--metric", "map@"],
    "a metric at none": [*NETWORK, "--metric", "map@0"],
    "a metric at less": [*NETWORK, "--metric", "map@-1"],
    "two metrics of one name": [*NETWORK, "--metric", "map", "--metric", "map", "--metric", "nosuch"],
}
SYNTAX = {
    "an option of none": ["--nosuch"],
    "an option without its value": ["--queries"],
    "a flag with a value": ["--force=yes"],
    "an argument too many": ["surplus"],
    "a short option of none": ["-x"],
}
LEFT_OUT = {
    "a model": ["eval", "--attack", "noise"],
    "a model to train": ["train"],
    "a defense": ["harden", "--model", "dpsh"],
    "a model to harden": ["harden", "cgat"],
    "an attack": ["attack", "--model", "lsh", "--output", "out"],
    "an output": ["attack", "--model", "lsh", "--attack", "noise"],
    "a layout": ["import", "no.pt"],
    "a file": ["import", "--layout", "prosgan"],
    "a record": ["show"],
    "a second record": ["compare", "0123456789"],
    "an axis": ["curve"],
    "a plugin": ["plugins", "show"],
    "a dataset to verify": ["data", "verify"],
    "a dataset to prepare": ["data", "prepare"],
    "digits enough": ["show", "012"],
    "digits that are hexadecimal": ["show", "xyzxyz"],
    "a digest that is too long": ["show", "0" * 65],
}
ROWS = (
    NO_TEXT
    | MALFORMED
    | OTHERS
    | {name: [*NETWORK, *values] for name, values in SYNTAX.items()}
    | {f"without {name}": arguments for name, arguments in LEFT_OUT.items()}
)


@pytest.mark.parametrize("arguments", ROWS.values(), ids=ROWS)
def test_a_value_that_is_none_is_refused(refused: Callable[..., object], arguments: list[str]) -> None:
    refused(arguments)
