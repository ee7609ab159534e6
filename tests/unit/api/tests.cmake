varve_test(api route schema tokens server openapi endpoints)
