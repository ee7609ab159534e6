varve_test(station stations)
