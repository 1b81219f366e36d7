"""The dataset: schema, tables, arrays, splits, validation."""
