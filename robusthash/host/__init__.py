"""The plugin host: finds plugins, loads each in isolation, and looks them up by name. Importable without torch."""

from robusthash.host.assigning import PluginOptions, is_for, options_of, owner_of, require_one_owner, require_owners
from robusthash.host.discovery import CORE, Owner
from robusthash.host.loading import PluginHost, PluginProblem
from robusthash.host.registration import PluginKind, Registered

__all__ = [
    "CORE",
    "Owner",
    "PluginHost",
    "PluginKind",
    "PluginOptions",
    "PluginProblem",
    "Registered",
    "is_for",
    "options_of",
    "owner_of",
    "require_one_owner",
    "require_owners",
]
