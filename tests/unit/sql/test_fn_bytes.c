/* Hashes, compression, base64 and JSON. */
#include "expressions.h"

TEST_EXPRESSIONS(hashes_are_those_of_the_standards, {"md5('abc')", "\"900150983cd24fb0d6963f7d28e17f72\""},
                 {"md5('')", "\"d41d8cd98f00b204e9800998ecf8427e\""},
                 {"sha('abc')", "\"a9993e364706816aba3e25717850c26c9cd0d89d\""},
                 {"sha256('abc')", "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\""},
                 {"hash('md5', 'abc')", "\"900150983cd24fb0d6963f7d28e17f72\""},
                 {"hash('sha', 'abc')", "\"a9993e364706816aba3e25717850c26c9cd0d89d\""},
                 {"hash('sha224', 'abc')", "\"23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7\""},
                 {"strlen(hash('sha384', 'abc'))", "96"},
                 {"substr(hash('sha512', 'abc'), 0, 8)", "\"ddaf35a1\""},
                 {"substr(hash('sha3_256', 'abc'), 0, 8)", "\"3a985da7\""},
                 {"substr(hash('sha3_224', 'abc'), 0, 8)", "\"e642824c\""},
                 {"substr(hash('sha3_384', 'abc'), 0, 8)", "\"ec014982\""},
                 {"substr(hash('sha3_512', 'abc'), 0, 8)", "\"b751850b\""},
                 {"substr(hash('blake2b', 'abc'), 0, 8)", "\"ba80a53f\""},
                 {"substr(hash('blake2s', 'abc'), 0, 8)", "\"508c5e8c\""},
                 {"hash('crc', 'abc')", "!one of 'md5', 'sha'"},
                 {"hash('md5', 1)", "!argument 2 must be a string"}, {"md5(1)", "!must be a string"},
                 {"sha256(nope)", "!not undefined"})

TEST_EXPRESSIONS(what_was_compressed_comes_back, {"gunzip(gzip('hello world'))", "\"hello world\""},
                 {"unzip(zip('hello world'))", "\"hello world\""},
                 {"zip_uncompress(zip_compress('hello world'))", "\"hello world\""},
                 {"gunzip(gzip(''))", "\"\""}, {"unzip(zip(''))", "\"\""},
                 {"strlen(gunzip(gzip(pad('', 100000, 'leading', 'ab'))))", "200000"},
                 {"substr(bin2hexstr(gzip('a')), 0, 4)", "\"1F8B\""},
                 {"substr(bin2hexstr(zip_compress('a')), 0, 2)", "\"78\""},
                 {"bin2hexstr(zip('a'))", "\"4B0400\""},
                 {"gunzip(concat(gzip('ab'), gzip('cd')))", "\"abcd\""},
                 {"gunzip('abc')", "!not compressed in this format"}, {"gunzip('')", "!ends too early"},
                 {"gunzip(substr(gzip('abc'), 0))", "!UTF-8"},
                 {"unzip(subbits(zip('hello world'), 1, 40, 'bits'))", "!ends too early"},
                 {"zip_uncompress('abc')", "!not compressed in this format"}, {"unzip('abc')", "!unzip"},
                 {"zip_uncompress(concat(zip_compress('a'), 'xy'))", "!2 bytes behind"},
                 {"gunzip(concat(gzip('a'), 'xy'))", "!not compressed"}, {"gzip(1)", "!must be a string"},
                 {"gunzip(nope)", "!not undefined"})

TEST_EXPRESSIONS(
    base64_has_options, {"base64_encode('hello')", "\"aGVsbG8=\""}, {"base64_encode('')", "\"\""},
    {"base64_encode('a', 'no_padding')", "\"YQ\""}, {"base64_encode(hexstr2bin('FBEF'))", "\"++8=\""},
    {"base64_encode(hexstr2bin('FBEF'), 'urlsafe')", "\"--8=\""},
    {"base64_encode(hexstr2bin('FBEF'), 'urlsafe', 'no_padding')", "\"--8\""},
    {"base64_encode(hexstr2bin('FBEF'), ['no_padding', 'urlsafe'])", "\"--8\""},
    {"base64_encode('a', 'bogus')", "\"YQ==\""}, {"base64_encode('a', 1)", "!an option must be a string"},
    {"base64_encode(1)", "!must be a string"}, {"base64_decode('aGVsbG8=')", "\"hello\""},
    {"base64_decode(unescape('aGVs\\nbG8= '))", "\"hello\""},
    {"bin2hexstr(base64_decode('_-8=', 'urlsafe'))", "\"FFEF\""},
    {"base64_decode('aGVsbG8', 'no_padding')", "\"hello\""},
    {"base64_decode('aGVsbG8=', 'no_padding')", "\"hello\""}, {"base64_decode('')", "\"\""},
    {"base64_decode('aGVsbG8')", "!cut off or has no padding"}, {"base64_decode('a')", "!cut off"},
    {"base64_decode('_-8=')", "!is not base64"}, {"base64_decode('a+/=', 'urlsafe')", "!alphabet for URLs"},
    {"base64_decode('a', 'no_padding')", "!is not base64"}, {"base64_decode(1)", "!must be a string"})

TEST_EXPRESSIONS(json_goes_both_ways,
                 {"json_encode([1, 2.5, true, null(), 'a'])", "\"[1,2.5,true,null,\\\"a\\\"]\""},
                 {"json_encode(nope)", "\"null\""}, {"json_encode(payload.n)", "\"null\""},
                 {"json_encode(map)", "\"{\\\"b\\\":1,\\\"a\\\":2}\""}, {"json_encode(0.1)", "\"0.1\""},
                 {"json_encode(1.0)", "\"1.0\""},
                 {"json_encode(hexstr2bin('FF'))", "\"\\\"\xef\xbf\xbd\\\"\""},
                 {"json_decode('[1,{\"a\":null}]')", "[1,{\"a\":null}]"}, {"json_decode('5')", "5"},
                 {"json_decode('{a}')", "!json_decode"}, {"json_decode('')", "!json_decode"},
                 {"json_decode('1 2')", "!json_decode"}, {"json_decode(5)", "!must be a string"})

RUN_TESTS(cmocka_unit_test(test_hashes_are_those_of_the_standards),
          cmocka_unit_test(test_what_was_compressed_comes_back), cmocka_unit_test(test_base64_has_options),
          cmocka_unit_test(test_json_goes_both_ways))
