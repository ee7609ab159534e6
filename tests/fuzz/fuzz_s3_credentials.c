/* Credentials from outside: a shared file ('f', then the name of a profile in its first line), the answer of a role ('j'), and that of STS
 * ('s'). What is refused
 * leaves nothing behind; what is taken is whole. */
#include "object/s3_credentials.h"
#include "object/s3_xml.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok, struct s3_identity *identity)
{
    bool whole = identity->access_key_id != NULL && identity->secret_access_key != NULL;
    bool empty = identity->access_key_id == NULL && identity->secret_access_key == NULL &&
                 identity->session_token == NULL;
    if (ok ? !whole : !empty)
        abort();
    s3_identity_free(identity);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct s3_identity identity;
    if (size == 0)
        return 0;
    struct str text = str_make(data + 1, size - 1);
    struct str profile;
    switch (data[0]) {
    case 'f':
        (void)str_next(&text, '\n', &profile);
        check(s3_credentials_from_file(text, profile, &identity, NULL), &identity);
        break;
    case 'j': check(s3_credentials_from_json(text, &identity, NULL), &identity); break;
    case 's': check(s3_xml_role(text, &identity, NULL), &identity); break;
    default: break;
    }
    return 0;
}
