"""From a recording to a transcript: the pipeline, its journal, and the merging of what chunks answered."""
