"""The recipe that makes nano: synthesis, stages, evaluation, export."""
