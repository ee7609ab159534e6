varve_fuzz(broker connection)
