"""Outcomes → results file, with one line for each record, and its manifest."""
