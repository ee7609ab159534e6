varve_test(net channel proxy_header ws_request websocket)
