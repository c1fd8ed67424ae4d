"""The command line: commands, options, the plan, the summary, progress, and the command to type next."""
