varve_fuzz(table parquet avro iceberg)
