"""Tasks done by processes: `pool` hands them out, `process` is what runs there, `task` what a task is."""
