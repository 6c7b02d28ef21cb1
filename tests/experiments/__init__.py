"""Every experiment the whole way, from the agenda to what people are told; a folder a word holds its scenario."""
