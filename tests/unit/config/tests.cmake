varve_test(config parse)
