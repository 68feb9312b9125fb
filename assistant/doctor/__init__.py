"""What `vivavoce doctor` looks at: the installation, the model, the port, and the sound."""
