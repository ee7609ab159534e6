varve_test(log append)
