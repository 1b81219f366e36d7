"""Raw modality to features, one file each."""
