varve_test(args args)
