"""GraphStorm's construction files, read as they are: a JSON file becomes a dataset folder."""
