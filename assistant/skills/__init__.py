"""What the assistant can do beside talking: tools the model calls, and their state."""
