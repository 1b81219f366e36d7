"""Looks for leakage: what lets a model answer for held-out entities without having learnt to."""
