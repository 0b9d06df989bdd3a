"""Records of evaluations, the folder that keeps them, and the tables made from them."""

from robusthash.results.record import Cost, DatasetUse, Flag, Measure, ModelUse, PluginUse, Record

__all__ = ["Cost", "DatasetUse", "Flag", "Measure", "ModelUse", "PluginUse", "Record"]
