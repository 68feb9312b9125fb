"""The Ming-Lite-Omni family (arXiv 2506.09344): Preview, v1 and v1.5, from released checkpoints."""
