/* $SYS: which topics are the broker's own. Any thread. */
#ifndef BROKER_SYS_TOPICS_H
#define BROKER_SYS_TOPICS_H

#include "base/str.h"

/* Whether what is said there is the broker's to say: all that `$SYS/#` reaches, but the state of mosquitto's bridges,
 * which those tell the broker that they bridge to. */
bool sys_topics_own(struct str topic);

#endif
