varve_fuzz(log log)
