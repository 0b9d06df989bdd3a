"""Measures what a report costs: CPU seconds for 200 made-up records, and its size with 100 pictures.

The pictures are noise, which no format makes smaller: photographs take less. A report needs neither torch nor a
model, so this is what a person waits for. Fails if 200 records take more than 10 s, or 100 pictures more than 10 MB.

Run: ``python -m benchmarks.commands.report_speed [--records 200]``. Exits with 1 if a bound is missed.
"""

import argparse
import itertools
import sys
import tempfile
import time
from pathlib import Path

from robusthash.results import Record, ResultStore
from robusthash.results.report import build_report, gather, site_pages, to_html
from robusthash.testing.records import make_record
from robusthash.testing.stored import store_made_up

SECONDS, BYTES = 10.0, 10_000_000
_MODELS, _BITS = ("dpsh", "hashnet", "csq", "dch", "orthohash"), (16, 32, 64)
_ATTACKS, _LEVELS = {"noise": 0.85, "rnm": 0.4, "hag": 0.5, "hinge": 0.3, "strongest": 0.2}, (4, 8, 16)


def records(count: int) -> list[Record]:
    """Different records of five victims at three code lengths, five attacks and three radii."""
    every = itertools.product(_MODELS, _BITS, _ATTACKS, _LEVELS)
    return [
        make_record(
            model=model,
            bits=bits,
            weights=f"{model}-{bits}",
            attack=attack,
            epsilon=levels / 255,
            after=_ATTACKS[attack],
            seed=number // (len(_MODELS) * len(_BITS) * len(_ATTACKS) * len(_LEVELS)),
        )
        for number, (model, bits, attack, levels) in zip(range(count), itertools.cycle(every), strict=False)
    ]


def main() -> int:
    """Prints both, and says whether a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=200)
    count = parser.parse_args().records
    with tempfile.TemporaryDirectory() as name:
        plain, pictured = Path(name, "plain"), Path(name, "pictured")
        store_made_up(ResultStore(plain), records(count), queries=300, items=1497)
        store_made_up(ResultStore(pictured), records(10), queries=300, items=1497, pictures=10, side=224)
        start = time.process_time()
        size = len(to_html(build_report(gather([plain]))).encode())
        seconds = time.process_time() - start
        start = time.process_time()
        pages = sum(len(page.content) for page in site_pages(build_report(gather([plain]))))
        site_seconds = time.process_time() - start
        with_pictures = len(to_html(build_report(gather([pictured]))).encode())
    print(f"{count} records, one file:    {seconds:5.2f} CPU s   {size / 1e6:5.2f} MB")
    print(f"{count} records, a site:      {site_seconds:5.2f} CPU s   {pages / 1e6:5.2f} MB")
    print(f"10 records, 100 pictures:              {with_pictures / 1e6:5.2f} MB")
    return int(seconds > SECONDS or with_pictures > BYTES)


if __name__ == "__main__":
    sys.exit(main())
