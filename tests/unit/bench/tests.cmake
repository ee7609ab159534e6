varve_test(bench histogram track options proc relay load)
