"""Datasets to students; one file a provider."""
