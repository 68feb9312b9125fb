"""What nano understands, and how well it is understood."""
