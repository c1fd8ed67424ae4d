"""Outcomes → results file: one line for each record, and beside it what the run was."""
