varve_fuzz(sink sink)
