varve_fuzz(station envelope)
