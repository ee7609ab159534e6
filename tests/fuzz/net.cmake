varve_fuzz(net proxy websocket)
