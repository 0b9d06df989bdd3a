"""Hooks by which a plugin observes runs: each is called with what has happened."""

from typing import TYPE_CHECKING

from robusthash.hookspecs.markers import hookspec

if TYPE_CHECKING:
    from robusthash.events import CellInfo, EpochInfo, ErrorInfo, RunEnd, RunInfo
    from robusthash.results import Record


@hookspec
def robusthash_run_started(cells: int, settings: "RunInfo") -> None:
    """Observes the start of an evaluation: the number of its cells, and the whole request.

    Example::

        import logging

        from robusthash import hookimpl


        @hookimpl
        def robusthash_run_started(cells, settings):
            logging.getLogger("my_package").info("%d cells on %s", cells, settings.dataset)
    """


@hookspec
def robusthash_epoch_finished(epoch: "EpochInfo") -> None:
    """Observes each epoch of a training: of a model, of a defense, or of an attack. What is cached is not trained.

    Example::

        import logging

        from robusthash import hookimpl


        @hookimpl
        def robusthash_epoch_finished(epoch):
            logging.getLogger("my_package").info("%s, epoch %d: %.2f", epoch.training, epoch.epoch, epoch.loss)
    """


@hookspec
def robusthash_cell_finished(record: "Record", reused: bool) -> None:
    """Observes each cell that has a record, new or stored before, in the order in which they are finished.

    Example::

        import logging

        from robusthash import hookimpl


        @hookimpl
        def robusthash_cell_finished(record, reused):
            state = "stored before" if reused else "new"
            logging.getLogger("my_package").info("%s on %s: %s", record.attack.name, record.victim.model.name, state)
    """


@hookspec
def robusthash_cell_failed(cell: "CellInfo", owner: str, error: "ErrorInfo") -> None:
    """Observes each cell that could not be evaluated: whose fault it is (distribution and version), and what it was.

    Example::

        import logging

        from robusthash import hookimpl


        @hookimpl
        def robusthash_cell_failed(cell, owner, error):
            logging.getLogger("my_package").warning("%s on %s: %s", cell.attack, cell.model, error.message)
    """


@hookspec
def robusthash_run_finished(records: "tuple[Record, ...]", seconds: float, end: "RunEnd") -> None:
    """Observes the end of each evaluation that has started, however it ends: its records, its duration, and how.

    Example::

        import logging

        from robusthash import hookimpl


        @hookimpl
        def robusthash_run_finished(records, seconds, end):
            logging.getLogger("my_package").info("%s: %d records in %.0f s", end.how, len(records), seconds)
    """
