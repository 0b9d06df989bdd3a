"""Submissions to a public leaderboard: results folders of strangers, and what speaks against them."""
