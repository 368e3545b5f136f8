"""From files to batches: sources, transforms and the pipeline that joins them."""
