"""Files → records: what a file is, its records in order, and the same records again.

A record that can't be read becomes a `model.Rejection` with its number and line, and reading goes on. A file
that can't be read raises a `SourceError`.
"""
