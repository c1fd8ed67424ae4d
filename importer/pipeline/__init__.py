"""From what was asked for to what was done: sources are resolved, jobs are prepared, run and retried."""
