varve_test(log tiering append damage faults histories seek marks memory threads wait)
