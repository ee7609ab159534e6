/* x */
#include "config/config.h"
