varve_fuzz(broker connection journal)
