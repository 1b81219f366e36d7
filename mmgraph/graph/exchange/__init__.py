"""Graphs in and out of other forms: HeteroData, networkx, scipy, Parquet tables and GraphML."""
