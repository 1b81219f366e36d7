"""The graph: builder, on-disk store, statistics."""
