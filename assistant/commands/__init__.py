"""The sub-commands of the command line. What is heavy is imported when a command runs."""
