"""Finding in the notes: the only place that knows the encoders, the vector store and BM25."""
