varve_test(net channel)
