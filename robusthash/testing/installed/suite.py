"""The module that pytest collects: a class of tests for each plugin object of the selection."""

from robusthash.testing.installed.selecting import selected

for _place, _case in enumerate(selected()[0]):
    globals()[f"Test{_place}"] = _case.tests
