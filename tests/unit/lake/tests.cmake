varve_test(lake commit)
