"""Relation builders, one file each."""
