"""What every plugin object promises: options that can be listed, stored and read back, and a spec that fits it."""

from dataclasses import FrozenInstanceError, fields
from importlib import import_module

import pytest
from packaging.specifiers import SpecifierSet

from robusthash.options import as_plain, build_options, convert, describe
from robusthash.specs import API_VERSION, Spec


class PluginObjectContract:
    """The contract of all plugin objects; the contract of each kind includes it."""

    @pytest.fixture
    def plugin_object(self) -> object:
        """The object under test, under the name that all kinds share."""
        pytest.skip("override the fixture of the kind in a subclass")

    @pytest.fixture
    def spec(self) -> Spec | None:
        """The spec that announces the object; a subclass overrides this."""
        return None

    def test_options_are_documented_and_frozen(self, plugin_object: object) -> None:
        """The class is a frozen dataclass, and each of its fields has a ``#:`` comment."""
        cls = type(plugin_object)
        described = describe(cls)
        undocumented = [option.name for option in described if not option.doc]
        assert not undocumented, f"options of {cls.__name__} without a #: comment"
        parameters = getattr(cls, "__dataclass_params__", None)
        assert parameters is not None
        assert parameters.frozen, f"write @dataclass(frozen=True, kw_only=True) above {cls.__name__}"
        if described:
            name: str = fields(cls)[0].name  # type: ignore[arg-type]  # `describe` accepts dataclasses alone
            with pytest.raises(FrozenInstanceError):
                setattr(plugin_object, name, None)

    def test_options_can_be_stored_and_read_back(self, plugin_object: object) -> None:
        """A record stores all options as plain values, from which the same object can be made again."""
        again = build_options(type(plugin_object), as_plain(plugin_object), where="test")
        assert as_plain(again) == as_plain(plugin_object)

    def test_the_spec_names_this_class(self, plugin_object: object, spec: Spec | None) -> None:
        """The factory is the object's class, the spec's options are its fields, and it supports this interface."""
        if spec is None:
            pytest.skip("override the fixture `spec` in a subclass")
        module, _, attribute = spec.factory.partition(":")
        cls = getattr(import_module(module), attribute)
        assert type(plugin_object) is cls, f"{spec.factory} is another class"
        convert(cls, spec.options, where=spec.name)
        assert SpecifierSet(spec.requires_api).contains(API_VERSION, prereleases=True)
