varve_fuzz(config config)
