"""From journal rows to what is kept of them: the reader with a cursor, the inference, and the derived store."""
