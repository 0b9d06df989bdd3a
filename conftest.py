"""What all tests share, the core's and the plugins': hypothesis without a clock, for machines that are busy."""

from hypothesis import settings

settings.register_profile("robusthash", deadline=None)
settings.load_profile("robusthash")
