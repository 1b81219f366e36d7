"""Multimodal representation learning on heterogeneous graphs."""
