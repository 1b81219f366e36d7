"""What the answer of a model for an entity rests on: modalities, relations, neighbours, features."""
