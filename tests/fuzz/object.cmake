varve_fuzz(object s3_xml s3_credentials)
