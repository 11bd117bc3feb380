"""Source to source: instrument, stub, and back, as edits in the original text."""
