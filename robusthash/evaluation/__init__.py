"""Evaluations: cells are planned, run in shards, and stored as records.

Names are imported on first use: a request is read and checked without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from robusthash.evaluation.certifying.certificate import Certificate
    from robusthash.evaluation.certifying.certify import certify
    from robusthash.evaluation.finding.scoring import score_files
    from robusthash.evaluation.finding.searching import Queries, search
    from robusthash.evaluation.finding.storing import hash_items
    from robusthash.evaluation.merging.merge import merge
    from robusthash.evaluation.merging.outcome import Merged, Missing
    from robusthash.evaluation.merging.split import evaluate_part
    from robusthash.evaluation.planning.choices import parse_choice
    from robusthash.evaluation.planning.part import Part, parse_part
    from robusthash.evaluation.planning.plan import Cell, VictimPlan
    from robusthash.evaluation.planning.request import Request, RunSettings
    from robusthash.evaluation.rebuilding.given import Given
    from robusthash.evaluation.rebuilding.rebuild import Rebuilt, rebuilt
    from robusthash.evaluation.running.executing.executors import Local, Processes, choose_executor
    from robusthash.evaluation.running.recording.outcome import Failure, RunOutcome
    from robusthash.evaluation.running.run import evaluate
    from robusthash.evaluation.tasks.attack import attack_queries
    from robusthash.evaluation.tasks.fit import fit_attack
    from robusthash.evaluation.tasks.gallery import Picture
    from robusthash.evaluation.tasks.harden import harden_victim
    from robusthash.evaluation.tasks.rescore import rescore
    from robusthash.evaluation.tasks.texts import Text
    from robusthash.evaluation.tasks.train import train_victim

__all__ = [
    "Cell",
    "Certificate",
    "Failure",
    "Given",
    "Local",
    "Merged",
    "Missing",
    "Part",
    "Picture",
    "Processes",
    "Queries",
    "Rebuilt",
    "Request",
    "RunOutcome",
    "RunSettings",
    "Text",
    "VictimPlan",
    "attack_queries",
    "certify",
    "choose_executor",
    "evaluate",
    "evaluate_part",
    "fit_attack",
    "harden_victim",
    "hash_items",
    "merge",
    "parse_choice",
    "parse_part",
    "rebuilt",
    "rescore",
    "score_files",
    "search",
    "train_victim",
]

_HOMES = {
    "Certificate": "certifying.certificate",
    "certify": "certifying.certify",
    **dict.fromkeys(("Cell", "VictimPlan"), "planning.plan"),
    **dict.fromkeys(("Request", "RunSettings"), "planning.request"),
    "parse_choice": "planning.choices",
    **dict.fromkeys(("Part", "parse_part"), "planning.part"),
    **dict.fromkeys(("Merged", "Missing"), "merging.outcome"),
    "merge": "merging.merge",
    "evaluate_part": "merging.split",
    "Given": "rebuilding.given",
    **dict.fromkeys(("Rebuilt", "rebuilt"), "rebuilding.rebuild"),
    **dict.fromkeys(("Local", "Processes", "choose_executor"), "running.executing.executors"),
    **dict.fromkeys(("Failure", "RunOutcome"), "running.recording.outcome"),
    "evaluate": "running.run",
    **dict.fromkeys(("Queries", "search"), "finding.searching"),
    "hash_items": "finding.storing",
    "attack_queries": "tasks.attack",
    "fit_attack": "tasks.fit",
    "Picture": "tasks.gallery",
    "Text": "tasks.texts",
    "harden_victim": "tasks.harden",
    "rescore": "tasks.rescore",
    "score_files": "finding.scoring",
    "train_victim": "tasks.train",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
