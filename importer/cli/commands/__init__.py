"""What each command does. A function of a command takes its options and returns the exit code."""
