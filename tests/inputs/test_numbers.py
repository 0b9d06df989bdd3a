"""Numbers that are none, in every option that takes one."""

from collections.abc import Callable
from itertools import product

import pytest

NOT_WHOLE = {
    "empty": "",
    "blank": " ",
    "a word": "many",
    "nan": "nan",
    "infinite": "inf",
    "a fraction": "1.5",
    "an exponent": "1e3",
    "hexadecimal": "0x10",
    "grouped": "1_000",
    "digits of another script": "٣٢",
    "a superscript": "²",
    "two signs": "--3",
    "a line break": "3\n2",
    "thirty digits": "9" * 30,
    "4001 digits": "1" + "0" * 4000,
    "6000 digits": "9" * 6000,
    "negative": "-1",
    "zero": "0",
}
NOT_NUMBERS = {
    "empty": "",
    "a word": "wide",
    "nan": "nan",
    "infinite": "inf",
    "negative": "-0.1",
    "negative zero levels": "-1/255",
    "levels": "8",
    "a huge exponent": "1e99999999",
    "a huge fraction": "1e99999999/1e99999999",
    "no denominator": "8/",
    "a zero denominator": "8/0",
    "two fractions": "8/255/2",
    "grouped": "0.0_3",
    "digits of another script": "٠.١",
    "hexadecimal": "0x8/255",
    "4001 digits": "1" + "0" * 4000,
    "percent": "3%",
    "a comma": "0,03",
}
NETWORK = ["--model", "lsh"]
COMMANDS = {
    "eval": ["eval", *NETWORK, "--attack", "noise"],
    "train": ["train", *NETWORK],
    "harden": ["harden", "cgat", "--model", "dpsh"],
    "attack": ["attack", *NETWORK, "--attack", "noise", "--output", "out"],
    "import": [
        *["import", "no.pt", "--layout", "prosgan", "--model", "dpsh"],
        *["--backbone", "vgg11", "--dataset", "cifar10"],
    ],
}
SETTING = ("bits", "image-size", "queries", "seed")
WHOLE = {
    "eval": (*SETTING, "jpeg", "shard-size", "workers"),
    "train": SETTING,
    "harden": SETTING,
    "attack": SETTING,
    "import": ("bits", "image-size"),
}

FIRST = {"bits", "jpeg", "seed"}  #: options of eval whose ranges are of different kinds
SOME = {"empty", "a word", "grouped", "4001 digits", "negative", "zero"}  #: for the others, which share their reader
FEW = {"a fraction", "4001 digits", "negative"}  #: for options that eval has, too
FEW_NUMBERS = {"a word", "nan", "levels", "a zero denominator"}  #: likewise

WHOLE_ROWS = {
    f"{command} --{option} {name}": ([*COMMANDS[command], f"--{option}", value], option)
    for command, options in WHOLE.items()
    for option, (name, value) in product(options, NOT_WHOLE.items())
    if not (option == "seed" and name == "zero")
    and ((command == "eval" and (option in FIRST or name in SOME)) or name in FEW)
}
EPSILON_ROWS = {
    f"{command} --epsilon {name}": ([*COMMANDS[command], "--epsilon", value], "epsilon")
    for command, (name, value) in product(("eval", "attack"), NOT_NUMBERS.items())
    if command == "eval" or name in FEW_NUMBERS
}
ROWS = {**WHOLE_ROWS, **EPSILON_ROWS}


@pytest.mark.parametrize(("arguments", "says"), ROWS.values(), ids=ROWS)
def test_a_number_that_is_none_is_refused(refused: Callable[..., object], arguments: list[str], says: str) -> None:
    refused(arguments, says)
