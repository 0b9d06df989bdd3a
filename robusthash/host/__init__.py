"""The plugin host: finds plugins, loads each on its own, and answers by name. Importable without torch."""

from robusthash.host.discovery import Owner
from robusthash.host.loading import PluginHost, Problem
from robusthash.host.registration import Kind, Registered

__all__ = ["Kind", "Owner", "PluginHost", "Problem", "Registered"]
