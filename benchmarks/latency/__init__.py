"""How long a person waits for the reply, and how fast a reply yields to a voice."""
