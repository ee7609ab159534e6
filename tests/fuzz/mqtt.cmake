varve_fuzz(mqtt packet properties topic)
