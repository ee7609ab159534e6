varve_test(log append damage histories)
