varve_fuzz(auth jwt scram)
