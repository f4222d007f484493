"""Answering from what was found: evidence, coverage, quoting, and every setting."""
