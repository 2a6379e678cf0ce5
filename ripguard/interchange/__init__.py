"""Dataset formats: detect, read, check, convert. Images are never decoded or encoded; annotations keep their values."""
