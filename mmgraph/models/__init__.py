"""Projection, layers and readout; the named models."""
