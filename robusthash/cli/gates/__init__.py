"""Shared by the commands that judge: rules as options, and the verdict."""
