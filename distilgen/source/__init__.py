"""What the code says. Reads source, never imports it and never writes."""
