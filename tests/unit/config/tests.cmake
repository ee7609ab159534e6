varve_test(config parse override read nearest)
