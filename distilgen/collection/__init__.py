"""Teachers run over many inputs, to fill the records."""
