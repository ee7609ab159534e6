varve_test(log append histories)
