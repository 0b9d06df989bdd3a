"""The marks of hooks, and of what implements them."""

import pluggy

hookspec = pluggy.HookspecMarker("robusthash")
hookimpl = pluggy.HookimplMarker("robusthash")
