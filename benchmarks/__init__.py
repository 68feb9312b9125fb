"""Measurements: ratios and accuracies, each printed by one command."""
