"""Records: their parts, their files, and the results folder."""
