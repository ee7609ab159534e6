varve_fuzz(api http)
