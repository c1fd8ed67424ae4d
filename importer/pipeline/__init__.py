"""From options to finished runs: sources are detected and surveyed, jobs are prepared, run and retried."""
