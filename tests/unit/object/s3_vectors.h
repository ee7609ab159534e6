/* Made with botocore 1.43 (S3SigV4Auth), 2013-05-24T00:00:00Z, eu-central-1. */
static const struct row botocore_rows[] = {
    {"DELETE", "/%C3%9Cbergr%C3%B6%C3%9Fe/%E6%97%A5%E6%9C%AC%E8%AA%9E/%F0%9F%9B%B0",
     "list-type=2&max-keys=1000&partNumber=7&prefix=a%20b%2F%C3%BC%2B%25",
     "x-amz-copy-source:/b/"
     "k\nx-amz-date:20130524T000000Z\nx-amz-meta-e:\nhost:127.0.0.1:7480\nx-amz-content-sha256:"
     "e55a8be351be8b4d2f17e5e7fa8b179769c9288ecf428d2d66e3480abcf1ea37",
     "e55a8be351be8b4d2f17e5e7fa8b179769c9288ecf428d2d66e3480abcf1ea37",
     "Signature=01e4b31a2728a0db2dd408702a9644693e335108426d9ac7e4f63e956b2ed7a2"},
    {"HEAD", "/plain", "delimiter=%2F&max-keys=1000&partNumber=7&uploads=",
     "x-amz-server-side-encryption-aws-kms-key-id:k\nx-amz-meta-e:\nx-amz-meta-a-b:2\nhost:s3.eu-central-1."
     "amazonaws.com\nif-none-match:*\nx-amz-content-sha256:"
     "9267a35124850614125c06dad2f3a308574b4f8af6f278cae0b46f33585ea0af\nx-amz-date:20130524T000000Z",
     "9267a35124850614125c06dad2f3a308574b4f8af6f278cae0b46f33585ea0af",
     "Signature=ff652e6a43dae0cd4ddafd6035800571c0e8d51b0a890a96c3e2430961d465cb"},
    {"PUT", "/../x", "uploadId=x~y-z%3D%3D",
     "x-amz-meta-a-b:2\nx-amz-content-sha256:"
     "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\nrange:bytes=0-9\nx-amz-meta-e:\nif-"
     "none-match:*\nhost:127.0.0.1:7480\nx-amz-date:20130524T000000Z\nx-amz-copy-source:/b/"
     "k\nx-amz-server-side-encryption:aws:kms",
     "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
     "Signature=4c08aa70a2200d6e691c2835b5cc22f62740b32bf8b4e19d300d535596cd083f"},
    {"DELETE", "/bucket/quotes%27%20%22%28%29%2A%21%24%5C", "delimiter=%2F",
     "x-amz-content-sha256:44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\nhost:bucket.s3."
     "localhost:8443\ncontent-type:text/plain; "
     "charset=utf-8\nx-amz-server-side-encryption:aws:kms\nx-amz-meta-e:\nx-amz-copy-source-range:bytes=0-"
     "1\nx-amz-date:20130524T000000Z",
     "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
     "Signature=0a507da4c4ae6e165f97c744b82b87a3958ba450fb247b52004c8eec2def9db7"},
    {"HEAD", "/a//b", "max-keys=1000&prefix=a%20b%2F%C3%BC%2B%25&uploadId=x~y-z%3D%3D",
     "x-amz-content-sha256:4e74043a939ef38209e8fe619b78ec69fc378382e01303fd81876ad78d40aef0\nhost:bucket.s3."
     "localhost:8443\nx-amz-date:20130524T000000Z",
     "4e74043a939ef38209e8fe619b78ec69fc378382e01303fd81876ad78d40aef0",
     "Signature=30b1f81c4064c45056019a0708824d927704c85dc07e08bef6c2b8dcbb654cab"},
    {"GET", "/a//b", "delimiter=%2F&max-keys=1000&partNumber=7&uploadId=x~y-z%3D%3D",
     "x-amz-content-sha256:44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\nhost:bucket.s3."
     "localhost:8443\nx-amz-date:20130524T000000Z",
     "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
     "Signature=db572a4e499599f74239045dbdac85bf906c645c5d523eeaa9835378e896b453"},
    {"POST", "/bucket/plain", "list-type=2&uploadId=x~y-z%3D%3D&uploads=",
     "x-amz-content-sha256:44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\ncontent-type:"
     "text/plain; "
     "charset=utf-8\nhost:s3.eu-central-1.amazonaws.com\nx-amz-acl:bucket-owner-full-control\nx-amz-server-"
     "side-encryption-aws-kms-key-id:k\nif-none-match:*\nx-amz-date:20130524T000000Z",
     "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
     "Signature=160e2537a23a78a90b215654a93a6ebe7df123008d642d04ef8daf4f75709dd4"},
    {"DELETE", "/bucket/q%3D1%26r%3D2%3Fs%23t%3Bu%3Av%40w%2Cx", "delimiter=%2F&list-type=2&max-keys=1000",
     "x-amz-content-sha256:782c3a92cd03ac7168995e0d43b3340a6a864bcd75ed2f67a6076682bbb811f6\nx-amz-date:"
     "20130524T000000Z\nhost:bucket.s3.localhost:8443",
     "782c3a92cd03ac7168995e0d43b3340a6a864bcd75ed2f67a6076682bbb811f6",
     "Signature=3d2f31658fb3c9a0b5c2afe1740ca889b43592691bc1336de484826e8b7c7982"},
    {"DELETE", "/%C3%9Cbergr%C3%B6%C3%9Fe/%E6%97%A5%E6%9C%AC%E8%AA%9E/%F0%9F%9B%B0",
     "partNumber=7&prefix=a%20b%2F%C3%BC%2B%25",
     "host:s3.eu-central-1.amazonaws.com\nx-amz-content-sha256:"
     "31d9a7372e7325e595a7e5671797b3d6dc3b1a5a57f5192eae0369a8e92d2019\nx-amz-date:20130524T000000Z\nx-amz-"
     "server-side-encryption:aws:kms",
     "31d9a7372e7325e595a7e5671797b3d6dc3b1a5a57f5192eae0369a8e92d2019",
     "Signature=d954f8341a53efc0b99c9246ea443a60d64b4b7ada51baa73ab149acd6c5a5f3"},
    {"POST", "/../x", "delimiter=%2F&prefix=a%20b%2F%C3%BC%2B%25&uploadId=x~y-z%3D%3D",
     "x-amz-content-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\nx-amz-server-"
     "side-encryption-aws-kms-key-id:k\nx-amz-date:20130524T000000Z\nhost:127.0.0.1:7480\nx-amz-copy-source:/"
     "b/k",
     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
     "Signature=db1bc04c0561aa141458a2f3e8cdadf87c6b4910746be4155e3deeefe52df4f8"},
    {"GET", "/bucket/plain", "max-keys=1000",
     "x-amz-date:20130524T000000Z\nhost:127.0.0.1:7480\nx-amz-meta-utf8:h\xc3\xa9\xc3\xa9\nx-amz-copy-source-"
     "range:bytes=0-1\nx-amz-content-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
     "Signature=5fd30320586732880641683d3b4a4d58393220f2257a4a5c1e14433064b94d8c"},
    {"GET", "/a//b", "max-keys=1000&prefix=a%20b%2F%C3%BC%2B%25",
     "x-amz-date:20130524T000000Z\nhost:bucket.s3.localhost:8443\nx-amz-meta-blank:  a   b  c "
     "\nx-amz-copy-source:/b/"
     "k\nx-amz-copy-source-range:bytes=0-1\nx-amz-content-sha256:"
     "e071f52edaebad62ec29027a4f7ab15ba7d1afe30cd627f2d6cb53cf758facc7\nx-amz-meta-utf8:h\xc3\xa9\xc3\xa9\nx-"
     "amz-server-side-encryption:aws:kms\nx-amz-acl:bucket-owner-full-control",
     "e071f52edaebad62ec29027a4f7ab15ba7d1afe30cd627f2d6cb53cf758facc7",
     "Signature=d8d362281910411a4c3828918e84fc0728de40dc85abc6bd5e2ac46a75a34b8d"},
    {"POST", "/q%3D1%26r%3D2%3Fs%23t%3Bu%3Av%40w%2Cx",
     "delimiter=%2F&prefix=a%20b%2F%C3%BC%2B%25&uploadId=x~y-z%3D%3D&uploads=",
     "x-amz-copy-source:/b/"
     "k\nx-amz-date:20130524T000000Z\nx-amz-meta-utf8:h\xc3\xa9\xc3\xa9\nx-amz-meta-a:1\nhost:s3.eu-central-"
     "1.amazonaws.com\nx-amz-content-sha256:"
     "1a7c934a8deae3c580ebf3208d0c64789031f2ddc51ab0f266592f4460bc2115\nx-amz-meta-a-b:2",
     "1a7c934a8deae3c580ebf3208d0c64789031f2ddc51ab0f266592f4460bc2115",
     "Signature=ac8cdf9cc7fa8e1b98e1e39dabc6fc24c5b3e2668e8b75f5543fa597b403d274"},
    {"HEAD", "/bucket/../x", "delimiter=%2F&prefix=a%20b%2F%C3%BC%2B%25&uploads=",
     "host:bucket.s3.localhost:8443\nx-amz-date:20130524T000000Z\nx-amz-content-sha256:"
     "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
     "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
     "Signature=93f4fa3d6cd7defc15ed995fb6fbc761a96313bcae1c09f0135bb1c780ee219a"},
    {"PUT", "/quotes%27%20%22%28%29%2A%21%24%5C", "",
     "x-amz-date:20130524T000000Z\nx-amz-server-side-encryption-aws-kms-key-id:k\nx-amz-meta-a:1\nx-amz-"
     "content-sha256:44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\nhost:bucket.s3."
     "localhost:8443",
     "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
     "Signature=76c4510c696ef3df6a67281d797cd07462a0b705ee5818c445b776c4d6a4001b"},
    {"GET", "/plain", "list-type=2&max-keys=1000&prefix=a%20b%2F%C3%BC%2B%25",
     "host:127.0.0.1:7480\nx-amz-date:20130524T000000Z\nx-amz-content-sha256:"
     "9b422e7d04823d0abf6271a2aecf4fc29020f7a8ddabf2d76671f982993ca531\ncontent-type:text/plain; "
     "charset=utf-8\nx-amz-meta-a:1\nx-amz-copy-source-range:bytes=0-1",
     "9b422e7d04823d0abf6271a2aecf4fc29020f7a8ddabf2d76671f982993ca531",
     "Signature=d8c782c31297f4501adf7099808e4173ef0383ca103e15e8ddad402f636d6fcb"},
    {"HEAD", "/../x", "max-keys=1000&partNumber=7&prefix=a%20b%2F%C3%BC%2B%25&uploads=",
     "x-amz-meta-a-b:2\nhost:bucket.s3.localhost:8443\nx-amz-content-sha256:"
     "38a0d6f3a7f3fe8b2799de47ff41faa73981c75e9e504f247ddfccdeed8fe742\nif-none-match:*\nx-amz-date:"
     "20130524T000000Z\nx-amz-copy-source-range:bytes=0-1",
     "38a0d6f3a7f3fe8b2799de47ff41faa73981c75e9e504f247ddfccdeed8fe742",
     "Signature=fecd70e31a9f96a628782cedc07c4db0e4e3ae2ceb0a52221ee33018dcfd6ecb"},
    {"GET", "/bucket/plain", "",
     "host:127.0.0.1:7480\nx-amz-content-sha256:"
     "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\nrange:bytes=0-9\nx-amz-copy-source-"
     "range:bytes=0-1\ncontent-type:text/plain; charset=utf-8\nx-amz-date:20130524T000000Z",
     "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
     "Signature=eedb33893522780bcfb52cebc7ac6e262e2fd49d0ccf4af966969b694a2c0ef0"},
    {"HEAD", "/bucket/a%20b%2Bc%2520d%252Fe%25", "max-keys=1000&uploadId=x~y-z%3D%3D",
     "x-amz-content-sha256:44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\nhost:s3.eu-"
     "central-1.amazonaws.com\nx-amz-date:20130524T000000Z",
     "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
     "Signature=e9db757b29af5b91204d1b2ac74356f4746ac7405026bac2fc40e8b3f822b688"},
    {"POST", "/bucket/quotes%27%20%22%28%29%2A%21%24%5C", "delimiter=%2F&max-keys=1000",
     "x-amz-date:20130524T000000Z\nx-amz-meta-blank:  a   b  c "
     "\nx-amz-content-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\nx-amz-server-"
     "side-encryption-aws-kms-key-id:k\nhost:bucket.s3.localhost:8443",
     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
     "Signature=436b3c1ee78c8af1f5ff373d4e2dad80386acf62c8dac135963d436aa3ab8788"},
    {"HEAD", "/line%0Abreak%09tab", "partNumber=7&uploadId=x~y-z%3D%3D",
     "range:bytes=0-9\nhost:s3.eu-central-1.amazonaws.com\nx-amz-content-sha256:"
     "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\nx-amz-copy-source-range:bytes=0-1\nx-"
     "amz-date:20130524T000000Z\nx-amz-meta-a-b:2",
     "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
     "Signature=f1e54d6d6fcde786e95269037bbbbddf39853e8351ddc8d202ba54f880136981"},
    {"GET", "/trailing/", "list-type=2",
     "x-amz-acl:bucket-owner-full-control\nx-amz-meta-e:\nif-none-match:*\nx-amz-content-sha256:"
     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\nx-amz-date:20130524T000000Z\nx-amz-"
     "meta-a-b:2\nhost:bucket.s3.localhost:8443",
     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
     "Signature=600d3b26732804d1531a5ec7d0806fc81cb4f223a030420d5d98eceefeadc59f"},
    {"POST", "/bucket/%C3%9Cbergr%C3%B6%C3%9Fe/%E6%97%A5%E6%9C%AC%E8%AA%9E/%F0%9F%9B%B0", "",
     "x-amz-meta-e:\nhost:bucket.s3.localhost:8443\nx-amz-meta-a-b:2\nx-amz-content-sha256:"
     "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\ncontent-type:text/plain; "
     "charset=utf-8\nx-amz-date:20130524T000000Z",
     "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
     "Signature=f6a02cbcf7519a17d8d180cc6336b0f360a976e3ea09061d9c6b157bf4261979"},
    {"GET", "/%C3%9Cbergr%C3%B6%C3%9Fe/%E6%97%A5%E6%9C%AC%E8%AA%9E/%F0%9F%9B%B0", "",
     "x-amz-meta-e:\nhost:127.0.0.1:7480\nx-amz-date:20130524T000000Z\ncontent-type:text/plain; "
     "charset=utf-8\nx-amz-meta-a:1\nx-amz-content-sha256:"
     "73bd1f2433613799573491e1ae4cc15789a7fc92a9634d74382bff09282d638b",
     "73bd1f2433613799573491e1ae4cc15789a7fc92a9634d74382bff09282d638b",
     "Signature=9c2b003e81bdc0348d68b871390017c20f70ad3a31bcf32761d5e3b9014169d6"},
    {"HEAD", "/%C3%9Cbergr%C3%B6%C3%9Fe/%E6%97%A5%E6%9C%AC%E8%AA%9E/%F0%9F%9B%B0", "",
     "x-amz-content-sha256:44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\nx-amz-meta-a-b:"
     "2\nx-amz-meta-a:1\nx-amz-meta-utf8:h\xc3\xa9\xc3\xa9\nx-amz-date:20130524T000000Z\nhost:s3.eu-central-"
     "1.amazonaws.com",
     "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
     "Signature=9609d796c50ab31df52a00f7051fcdd7d9876b998cc7b8873a5229cb0434bc7d"},
    {"GET", "/%C3%9Cbergr%C3%B6%C3%9Fe/%E6%97%A5%E6%9C%AC%E8%AA%9E/%F0%9F%9B%B0",
     "partNumber=7&prefix=a%20b%2F%C3%BC%2B%25",
     "x-amz-acl:bucket-owner-full-control\nx-amz-server-side-encryption:aws:kms\nhost:s3.eu-central-1."
     "amazonaws.com\nx-amz-content-sha256:"
     "d71574fb0e5a0d619e6ca80b83fca270d7743bbb90f3daf1c612cce6111bc0a1\nx-amz-meta-blank:  a   b  c "
     "\nx-amz-meta-e:\nx-amz-date:20130524T000000Z\nrange:bytes=0-9",
     "d71574fb0e5a0d619e6ca80b83fca270d7743bbb90f3daf1c612cce6111bc0a1",
     "Signature=d524ad7af31a95fee45b757390257fd3868bd8a6b8197d4a2c2982b4c7171bf7"},
    {"HEAD", "/a%20b%2Bc%2520d%252Fe%25",
     "list-type=2&partNumber=7&prefix=a%20b%2F%C3%BC%2B%25&uploadId=x~y-z%3D%3D",
     "x-amz-server-side-encryption-aws-kms-key-id:k\nx-amz-content-sha256:"
     "958af1d03dc8095a7cd06b4b4871bf01edf07c0af50f73a824132be306c172cd\nx-amz-copy-source-range:bytes=0-"
     "1\ncontent-type:text/plain; "
     "charset=utf-8\nhost:127.0.0.1:7480\nx-amz-meta-utf8:h\xc3\xa9\xc3\xa9\nx-amz-date:20130524T000000Z\nx-"
     "amz-meta-e:\nrange:bytes=0-9",
     "958af1d03dc8095a7cd06b4b4871bf01edf07c0af50f73a824132be306c172cd",
     "Signature=22e4f72250d0c17e59ee5f4c1685215549e60fe4453b37bd6c72eb1006106441"},
    {"POST", "//leading", "delimiter=%2F&max-keys=1000&partNumber=7&prefix=a%20b%2F%C3%BC%2B%25",
     "host:127.0.0.1:7480\nx-amz-date:20130524T000000Z\nx-amz-content-sha256:"
     "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\nx-amz-meta-blank:  a   b  c "
     "\nrange:bytes=0-9\ncontent-type:text/plain; charset=utf-8",
     "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
     "Signature=8850bedd3767155399f26b79ba1a2c39799aa878bd19c5bf3a0359eae260f35d"},
    {"HEAD", "/quotes%27%20%22%28%29%2A%21%24%5C", "max-keys=1000&prefix=a%20b%2F%C3%BC%2B%25",
     "x-amz-server-side-encryption:aws:kms\nx-amz-server-side-encryption-aws-kms-key-id:k\nhost:127.0.0.1:"
     "7480\nx-amz-copy-source-range:bytes=0-1\nx-amz-date:20130524T000000Z\nx-amz-content-sha256:"
     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\nx-amz-meta-blank:  a   b  c ",
     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
     "Signature=75e7d7e2a3b4843e0e9aaeb23180cdec52a6f062584a0d48a0bf6c1ee79ac3d4"},
    {"GET", "/bucket/a%20b%2Bc%2520d%252Fe%25", "delimiter=%2F&list-type=2&max-keys=1000&partNumber=7",
     "content-type:text/plain; "
     "charset=utf-8\nx-amz-meta-utf8:h\xc3\xa9\xc3\xa9\nx-amz-content-sha256:"
     "8bb91ddd7f4034748af8151d1ed8e5297090d007cb22b761c2a356724ba249a6\nx-amz-date:20130524T000000Z\nhost:s3."
     "eu-central-1.amazonaws.com",
     "8bb91ddd7f4034748af8151d1ed8e5297090d007cb22b761c2a356724ba249a6",
     "Signature=13f8e4fe77025e261b53db3bd3dc80eea25ba8aeb9311da10206162df0fd95ec"},
    {"HEAD", "/a//b", "max-keys=1000&prefix=a%20b%2F%C3%BC%2B%25&uploadId=x~y-z%3D%3D",
     "host:s3.eu-central-1.amazonaws.com\nx-amz-content-sha256:"
     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\nx-amz-date:20130524T000000Z\nx-amz-"
     "copy-source-range:bytes=0-1\nx-amz-meta-e:\nx-amz-meta-utf8:h\xc3\xa9\xc3\xa9",
     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
     "Signature=9e1c23cb0d0f2888e86db5c7da520d442f6f62e39cf0aeedc19968f8673a7f80"},
    {"GET", "/bucket/line%0Abreak%09tab", "list-type=2&partNumber=7&prefix=a%20b%2F%C3%BC%2B%25&uploads=",
     "x-amz-server-side-encryption-aws-kms-key-id:k\nx-amz-copy-source:/b/"
     "k\nx-amz-content-sha256:44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\nx-amz-meta-a-"
     "b:2\nx-amz-meta-utf8:h\xc3\xa9\xc3\xa9\nx-amz-meta-blank:  a   b  c "
     "\nx-amz-date:20130524T000000Z\nrange:bytes=0-9\nhost:bucket.s3.localhost:8443",
     "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
     "Signature=cdc93ede51525ed67ad3c0323d40d80294146b371abc963c387b104f6fac4ec9"},
    {"DELETE", "/~%5B%5D%7B%7D%7C%3C%3E%5E%60", "",
     "x-amz-content-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\nhost:bucket.s3."
     "localhost:8443\nx-amz-date:20130524T000000Z\ncontent-type:text/plain; charset=utf-8\nx-amz-meta-blank: "
     " a   b  c \nx-amz-acl:bucket-owner-full-control\nx-amz-meta-a-b:2",
     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
     "Signature=822cc86320e82634c1ac3277f4dad850107386a3cba4eec5c43e1ad2f94f936e"},
    {"DELETE", "/quotes%27%20%22%28%29%2A%21%24%5C",
     "delimiter=%2F&prefix=a%20b%2F%C3%BC%2B%25&uploadId=x~y-z%3D%3D&uploads=",
     "x-amz-date:20130524T000000Z\nx-amz-meta-utf8:h\xc3\xa9\xc3\xa9\nhost:s3.eu-central-1.amazonaws.com\nx-"
     "amz-content-sha256:ca5c8b4b0739520b7d251e05e322bc8c08ebe765c75f0b717646c7c595ee02cd\nx-amz-meta-a:1\nx-"
     "amz-meta-blank:  a   b  c ",
     "ca5c8b4b0739520b7d251e05e322bc8c08ebe765c75f0b717646c7c595ee02cd",
     "Signature=6f71d17ba186ffaf1807a3856bd78bdf547ed02295cb26965ab83f6f5ad69c5d"},
    {"HEAD", "/bucket/%C3%9Cbergr%C3%B6%C3%9Fe/%E6%97%A5%E6%9C%AC%E8%AA%9E/%F0%9F%9B%B0",
     "delimiter=%2F&list-type=2&uploadId=x~y-z%3D%3D&uploads=",
     "host:bucket.s3.localhost:8443\nx-amz-content-sha256:"
     "fc9c32bef8037f7129fd3466a4901fb94f252940a013cb0870a163ca65589778\nx-amz-date:20130524T000000Z",
     "fc9c32bef8037f7129fd3466a4901fb94f252940a013cb0870a163ca65589778",
     "Signature=e7b5cb2739fcf2e55ed39caf16c8b64e69322b51a34e64868274e746e7825191"},
    {"DELETE", "/quotes%27%20%22%28%29%2A%21%24%5C", "delimiter=%2F&list-type=2&uploads=",
     "x-amz-content-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\nx-amz-meta-e:"
     "\nhost:bucket.s3.localhost:8443\nrange:bytes=0-9\nx-amz-date:20130524T000000Z\nx-amz-copy-source-range:"
     "bytes=0-1\nx-amz-meta-a:1",
     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
     "Signature=8d868b71a8cefbbabbe145d79a7ae2d667844f6534063bea9827df85a758a442"},
    {"POST", "/bucket/line%0Abreak%09tab", "prefix=a%20b%2F%C3%BC%2B%25&uploads=",
     "x-amz-acl:bucket-owner-full-control\nx-amz-content-sha256:"
     "6ddbe3c87e850b4ac7dee70fa420b99b4c7f2cdda26d2e84ad21e4f27c623a43\nx-amz-date:20130524T000000Z\nhost:"
     "127.0.0.1:7480",
     "6ddbe3c87e850b4ac7dee70fa420b99b4c7f2cdda26d2e84ad21e4f27c623a43",
     "Signature=c3f593f9d1eaeb1f565c64e25170749a90097988b26a28485bafa40442a68acc"},
    {"GET", "/bucket/line%0Abreak%09tab", "max-keys=1000&partNumber=7",
     "x-amz-server-side-encryption:aws:kms\nx-amz-content-sha256:"
     "e69aa83046f6337f699191ddf4f317a4a5b371b022559df03056524f0af4cdfd\ncontent-type:text/plain; "
     "charset=utf-8\nx-amz-acl:bucket-owner-full-control\nrange:bytes=0-9\nhost:s3.eu-central-1.amazonaws."
     "com\nx-amz-meta-e:\nx-amz-meta-a:1\nx-amz-date:20130524T000000Z",
     "e69aa83046f6337f699191ddf4f317a4a5b371b022559df03056524f0af4cdfd",
     "Signature=439473b3d8a2211efb74abcf6c9aa3f525dec090375d4fe82020acf0ea671d69"},
    {"DELETE", "//leading", "uploadId=x~y-z%3D%3D",
     "host:bucket.s3.localhost:8443\nx-amz-meta-utf8:h\xc3\xa9\xc3\xa9\nx-amz-content-sha256:"
     "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\nx-amz-date:20130524T000000Z",
     "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
     "Signature=ad69048076abb09b66cd6e11d01368abf177974aa151861f58f747430f016c7e"},
    {"GET", "/q%3D1%26r%3D2%3Fs%23t%3Bu%3Av%40w%2Cx", "uploads=",
     "x-amz-date:20130524T000000Z\nx-amz-content-sha256:"
     "b134b74a9300edb4eafd61d3ecb8b7500dc1179a581add2629c52c363853fd59\nif-none-match:*\nhost:bucket.s3."
     "localhost:8443\nx-amz-meta-e:\nx-amz-meta-blank:  a   b  c \nx-amz-meta-utf8:h\xc3\xa9\xc3\xa9",
     "b134b74a9300edb4eafd61d3ecb8b7500dc1179a581add2629c52c363853fd59",
     "Signature=1c49a4df8889a7d3914218826daf3d8475aa83d23e226aac6bedc13878f57920"},
};
