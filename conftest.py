"""What all tests share, the core's and the plugins': no clock for hypothesis, no terminal's width for tables."""

import os

from hypothesis import settings

settings.register_profile("robusthash", deadline=None)  # machines are busy
settings.load_profile("robusthash")
os.environ.pop("COLUMNS", None)  # a runner may set it, and tables would fold
